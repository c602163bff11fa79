/**
 * The ledger on LMDB: `node examples/embedded/main.ts --data-dir DIRECTORY`.
 *
 * The whole wiring of an embedded node is here: a state machine, a source of the key-encryption key,
 * and a directory. Ends with exit code 0, everything closed in good order; run it again and the money
 * is still there.
 */
import { randomFillSync } from "node:crypto"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { KekProviderFile, NodeName, Sealog } from "../../src/index.ts"
import * as Ledger from "./Ledger.ts"
import * as LedgerMachine from "./LedgerMachine.ts"
import { program } from "./Program.ts"

const directoryOf = () => {
  try {
    return parseArgs({ options: { "data-dir": { type: "string" } } }).values["data-dir"]
  } catch (cause) {
    console.error(cause instanceof Error ? cause.message : String(cause))
    process.exit(1)
  }
}
const directory = directoryOf() ?? "data/embedded"

/** Made on the first run. It is beside the node's directory here; yours comes from elsewhere. */
const kekFile = (path: string) =>
  Layer.unwrap(
    Effect.sync(() => {
      if (!existsSync(path)) {
        writeFileSync(path, randomFillSync(Buffer.allocUnsafeSlow(32)), { mode: 0o600, flag: "wx" })
      }
      return KekProviderFile.layer({ path })
    })
  )

mkdirSync(directory, { recursive: true })
const node = Sealog.layer({
  directory: join(directory, "node"),
  nodeName: NodeName.make("ledger-1")
}).pipe(Layer.provide([LedgerMachine.layer, kekFile(join(directory, "kek"))]))

program.pipe(
  Effect.provide(Ledger.layer.pipe(Layer.provideMerge(node))),
  // A node logs what happens to it, by Effect's logger; here only what needs somebody.
  Effect.provideService(References.MinimumLogLevel, "Warn"),
  NodeRuntime.runMain
)
