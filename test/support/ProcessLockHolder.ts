/** Run by a test: takes the lock on the directory of its argument, says so or why not, and stays for ever. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as DataDirectoryLock from "../../src/layers/DataDirectoryLock.ts"
import { DataDirectory } from "../../src/services/DataDirectory.ts"

const directory = process.argv[2]!

Layer.effectDiscard(
  Effect.andThen(
    DataDirectory,
    Effect.sync(() => console.log("locked"))
  )
).pipe(
  Layer.provide(DataDirectoryLock.layer({ directory })),
  Layer.launch,
  Effect.catchTag("DataDirectoryLocked", () => Effect.sync(() => console.log("refused"))),
  Effect.catchTag("DataDirectoryFailure", ({ message }) =>
    Effect.sync(() => console.log(`failed: ${message}`))
  ),
  NodeRuntime.runMain
)

// Layer.launch waits for ever, but on nothing that keeps Node running.
setInterval(() => {}, 1 << 30)
