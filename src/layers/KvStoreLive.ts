/** The KV store in process: requests through the coordinator, reads after a read index (SPEC §7). */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { ProposalTimedOut } from "../domain/engine/Errors.ts"
import { invariant } from "../domain/Invariant.ts"
import * as Command from "../domain/kv/Command.ts"
import { KeyEmpty, KeyTooLarge, ValueCorrupted, ValueTooLarge } from "../domain/kv/Errors.ts"
import * as KvResult from "../domain/kv/Result.ts"
import * as Limits from "../domain/Limits.ts"
import { Applier } from "../services/Applier.ts"
import { Coordinator } from "../services/Coordinator.ts"
import { type KvRefusal, KvStore } from "../services/KvStore.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { RaftEngine } from "../services/RaftEngine.ts"

const make = Effect.gen(function* () {
  const applier = yield* Applier
  const coordinator = yield* Coordinator
  const engine = yield* RaftEngine
  const { readTimeoutMillis: timeoutMillis } = yield* NodeConfig

  const confirmed = Effect.timeoutOrElse(engine.readIndex, {
    duration: timeoutMillis,
    orElse: () => Effect.fail(new ProposalTimedOut({ timeoutMillis }))
  })
  const readNow = (key: Uint8Array) =>
    Effect.suspend(() => valueOf(() => applier.read(Command.encode({ _tag: "Get", key }))))
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
        options?.stale === true ? readNow(key) : Effect.andThen(confirmed, readNow(key))
      )
  })
})

const decoded = (bytes: Uint8Array): KvResult.KvResult => Result.getOrThrow(KvResult.decode(bytes))

/** What the machine throws typed is the reader's to know; the node goes on. */
function valueOf(read: () => Uint8Array) {
  try {
    const result = decoded(read())
    return Effect.succeed(result._tag === "Found" ? result.found : undefined)
  } catch (error) {
    return error instanceof ValueCorrupted ? Effect.fail(error) : Effect.die(error)
  }
}

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
