/** A node under measurement: on LMDB, in this process, in a directory that goes with the scope. */
import { randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { NodeName } from "../src/domain/Ids.ts"
import * as KekProviderMemory from "../src/layers/KekProviderMemory.ts"
import * as Node from "../src/layers/Node.ts"
import { Cutover } from "../src/services/Cutover.ts"
import { EncryptionAdmin } from "../src/services/EncryptionAdmin.ts"
import { KvStore } from "../src/services/KvStore.ts"
import { RaftEngine } from "../src/services/RaftEngine.ts"

/** `plain` stays in phase 0, `sealed` is in phase 2 before the first round. */
export type Mode = "plain" | "sealed"

export interface Measured {
  readonly mode: Mode
  readonly kv: KvStore["Service"]
  /** Entries of the log. Each batch is one entry and one sync, so they count the syncs too. */
  readonly entryCount: () => number
}

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "sealog-bench-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

export const open = Effect.fnUntraced(function* (mode: Mode) {
  const context = yield* Layer.build(
    Node.layer({ directory: yield* directory, nodeName: "bench" as NodeName }).pipe(
      Layer.provide(KekProviderMemory.layer({ bytes: randomBytes(32) }))
    )
  )
  const engine = Context.get(context, RaftEngine)
  while (engine.intake()._tag === "Shut") yield* Effect.yieldNow
  if (mode === "sealed") {
    yield* Context.get(context, EncryptionAdmin).enableStorageEnvelope
    yield* engine.sealingReady
    yield* Context.get(context, Cutover).enableRaftEnvelope
  }
  const kv = Context.get(context, KvStore)
  return { mode, kv, entryCount: () => engine.status().commit } satisfies Measured
})
