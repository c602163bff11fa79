/**
 * The KV store in process: its requests and queries in the machine's bytes (SPEC §7).
 *
 * What is beyond the limits is refused here, before anything is proposed: at apply it would halt the
 * node. Proof: `test/layers/KvStore.test.ts`, `test/layers/Node.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { invariant } from "../domain/Invariant.ts"
import * as Command from "../domain/kv/Command.ts"
import { TxnReadTooLarge } from "../domain/kv/Errors.ts"
import * as KvResult from "../domain/kv/Result.ts"
import * as Txn from "../domain/kv/Txn.ts"
import * as Limits from "../domain/Limits.ts"
import type { SessionSequence } from "../domain/log/Request.ts"
import { Coordinator } from "../services/Coordinator.ts"
import {
  type KvReadFailure,
  KvStore,
  type KvWriteFailure,
  type RangePage
} from "../services/KvStore.ts"
import * as ReplicaLive from "./ReplicaLive.ts"

const make = Effect.gen(function* () {
  const coordinator = yield* Coordinator
  const replica = yield* ReplicaLive.makeImpatient

  const request = (command: Command.Command, session: SessionSequence | undefined) => {
    const bytes = Command.encode(command)
    const answerBytesMax = command._tag === "Txn" ? Txn.answerBytesMax(command) : 0
    const result: Effect.Effect<Uint8Array, KvWriteFailure> =
      session === undefined
        ? coordinator.propose(bytes, answerBytesMax)
        : coordinator.proposeOnce(bytes, session, answerBytesMax)
    return Effect.map(result, decoded)
  }
  const read = (query: Command.Command, options?: { readonly stale?: boolean | undefined }) =>
    Effect.map(replica.read(Command.encode(query), options), decoded)

  return KvStore.of({
    put: (key, value, options) =>
      unlessRefused(Command.putRefusalOf({ key, value }), () =>
        Effect.map(request({ _tag: "Put", key, value }, options?.session), (result) => {
          invariant(result._tag === "Written", "a put answers what it has written")
          return { revision: result.revision }
        })
      ),
    delete: (key, options) =>
      unlessRefused(Txn.keyRefusalOf(key), () =>
        Effect.map(request({ _tag: "Delete", key }, options?.session), (result) => {
          invariant(result._tag === "Deleted", "a delete answers what it has deleted")
          return { revision: result.revision, deleted: result.deleted }
        })
      ),
    get: (key, options) =>
      unlessRefused(Txn.keyRefusalOf(key), () =>
        Effect.map(read({ _tag: "Get", key }, options), (result) =>
          result._tag === "Found" ? result.found : undefined
        )
      ),
    range: ({ continuation, limit, span, stale }) => {
      const range: Command.Range = { _tag: "Range", span, limit, continuation }
      return unlessRefused(Command.rangeRefusalOf(range), () =>
        Effect.map(read(range, { stale }), pageOf)
      )
    },
    txn: ({ compares, onFailure, onSuccess, session }) => {
      const txn: Txn.Txn = { _tag: "Txn", compares, onSuccess, onFailure }
      return unlessRefused(Command.txnRefusalOf(txn), () => {
        const result: Effect.Effect<KvResult.KvResult, KvReadFailure | KvWriteFailure> =
          Txn.isReadOnly(txn) ? read(txn) : request(txn, session)
        return Effect.flatMap(result, doneOf)
      })
    },
    openSession: coordinator.openSession
  })
})

const decoded = (bytes: Uint8Array): KvResult.KvResult => Result.getOrThrow(KvResult.decode(bytes))

function pageOf(result: KvResult.KvResult): RangePage {
  invariant(result._tag === "Entries", "a range answers entries")
  const { entries, isComplete, revision } = result
  if (isComplete) return { entries, revision }
  const last = entries.at(-1)
  invariant(last !== undefined, "a page that is not the last has entries")
  return { entries, revision, continuation: last.key }
}

function doneOf(
  result: KvResult.KvResult
): Effect.Effect<Omit<KvResult.TxnDone, "_tag">, TxnReadTooLarge> {
  if (result._tag === "TxnReadTooLarge") {
    return Effect.fail(new TxnReadTooLarge({ bytesMax: Limits.answerBytesMax }))
  }
  invariant(result._tag === "TxnDone", "a transaction answers that it is done")
  const { results, revision, succeeded } = result
  return Effect.succeed({ succeeded, revision, results })
}

/** Nothing is proposed, or read, if there is a refusal. */
const unlessRefused = <Refusal, A, E>(
  refusal: Refusal | undefined,
  andThen: () => Effect.Effect<A, E>
): Effect.Effect<A, E | Refusal> =>
  refusal === undefined ? Effect.suspend(andThen) : Effect.fail(refusal)

export const layer = Layer.effect(KvStore, make)
