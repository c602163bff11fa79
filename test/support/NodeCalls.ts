/** What tests ask of a node through its services, in their own words. */
import * as Effect from "effect/Effect"
import type { LogIndex } from "../../src/domain/Ids.ts"
import { Coordinator } from "../../src/services/Coordinator.ts"
import { Cutover } from "../../src/services/Cutover.ts"
import { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import { KvStore } from "../../src/services/KvStore.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"

export const text = (value: string) => Buffer.from(value)

export const put = (key: string, value: string) =>
  Effect.flatMap(KvStore, (store) => store.put(text(key), text(value)))

export const get = (key: string, options?: { readonly stale?: boolean }) =>
  Effect.flatMap(KvStore, (store) => store.get(text(key), options)).pipe(
    Effect.map((found) => (found === undefined ? undefined : Buffer.from(found.value).toString()))
  )

export const enableStorage = Effect.flatMap(EncryptionAdmin, (admin) => admin.enableStorageEnvelope)
export const cutOver = Effect.flatMap(Cutover, (cutover) => cutover.enableRaftEnvelope)
export const status = Effect.map(EncryptionAdmin, (admin) => admin.status())
/** In the term that the node leads. */
export const administer = (body: Uint8Array) =>
  Effect.gen(function* () {
    const intake = (yield* RaftEngine).intake()
    if (intake._tag === "Shut") return yield* Effect.fail(intake.reason)
    return yield* (yield* Coordinator).administer(body, { term: intake.term })
  })
export const entriesOf = Effect.map(RaftLogStore, ({ reader }) =>
  reader.entries(1 as LogIndex, (reader.lastIndex() + 1) as LogIndex, 1 << 30)
)

/** A leader takes proposals in once its noop is applied; this waits for it. */
export const ready = Effect.flatMap(RaftEngine, (engine) =>
  Effect.gen(function* () {
    while (engine.intake()._tag === "Shut") yield* Effect.yieldNow
  })
)
