/** The KV store in process: requests through the coordinator, reads after a read index (SPEC §7). */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { invariant } from "../domain/Invariant.ts"
import * as Command from "../domain/kv/Command.ts"
import { KeyEmpty, KeyTooLarge, ValueTooLarge } from "../domain/kv/Errors.ts"
import * as KvResult from "../domain/kv/Result.ts"
import * as Limits from "../domain/Limits.ts"
import { Coordinator } from "../services/Coordinator.ts"
import { type KvRefusal, KvStore } from "../services/KvStore.ts"
import * as ReplicaLive from "./ReplicaLive.ts"

const make = Effect.gen(function* () {
  const coordinator = yield* Coordinator
  const replica = yield* ReplicaLive.makeImpatient

  const request = (command: Command.Command) =>
    Effect.map(coordinator.propose(Command.encode(command)), decoded)

  return KvStore.of({
    put: (key, value) =>
      checked(key, value, () =>
        Effect.map(request({ _tag: "Put", key, value }), (result) => {
          invariant(result._tag === "Written", "a put answers what it has written")
          return { revision: result.revision }
        })
      ),
    delete: (key) =>
      checked(key, undefined, () =>
        Effect.map(request({ _tag: "Delete", key }), (result) => {
          invariant(result._tag === "Deleted", "a delete answers what it has deleted")
          return { revision: result.revision, deleted: result.deleted }
        })
      ),
    get: (key, options) =>
      checked(key, undefined, () =>
        Effect.map(replica.read(Command.encode({ _tag: "Get", key }), options), (answer) => {
          const result = decoded(answer)
          return result._tag === "Found" ? result.found : undefined
        })
      )
  })
})

const decoded = (bytes: Uint8Array): KvResult.KvResult => Result.getOrThrow(KvResult.decode(bytes))

/** Refuses what is beyond the limits before anything is proposed. */
function checked<A, E>(
  key: Uint8Array,
  value: Uint8Array | undefined,
  andThen: () => Effect.Effect<A, E>
): Effect.Effect<A, E | KvRefusal> {
  const { keyBytesMax, valueBytesMax } = Limits
  if (key.length === 0) return Effect.fail(new KeyEmpty({}))
  if (key.length > keyBytesMax) {
    return Effect.fail(new KeyTooLarge({ bytes: key.length, bytesMax: keyBytesMax }))
  }
  if (value !== undefined && value.length > valueBytesMax) {
    return Effect.fail(new ValueTooLarge({ bytes: value.length, bytesMax: valueBytesMax }))
  }
  return Effect.suspend(andThen)
}

export const layer = Layer.effect(KvStore, make)
