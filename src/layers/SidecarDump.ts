/** The replicated encryption state of a stopped node, for operators (`sealog sidecar dump`). */
import * as Effect from "effect/Effect"
import * as ReplicatedState from "../domain/apply/ReplicatedState.ts"
import { EncryptionStateMissing } from "../domain/state/Errors.ts"
import { StateStore } from "../services/StateStore.ts"
import { groupId } from "./Node.ts"
import * as StoppedNode from "./StoppedNode.ts"

/** Wrapped keys and public facts only: nothing here opens anything without the KEK. */
export interface DumpedSidecar {
  /** 32 hex digits. */
  readonly clusterId: string
  readonly groupId: number
  readonly appliedIndex: number
  readonly raftEnvelopeCutoverIndex: number
  readonly storageEnvelopeIndex: number
  readonly active: { readonly storage: number; readonly raft: number }
  readonly keys: ReadonlyArray<{
    readonly id: number
    readonly purpose: string
    /** Base64. */
    readonly wrapped: string
    readonly createdIndex: number
  }>
  readonly writers: ReadonlyArray<{
    readonly writerId: number
    readonly nodeName: string
    readonly incarnation: string
    readonly epochs: ReadonlyArray<{
      readonly keyId: number
      readonly firstEpoch: number
      readonly lastEpoch: number
      readonly openingId: string
    }>
  }>
}

export const read = (options: { readonly directory: string }) =>
  Effect.gen(function* () {
    const { reader } = yield* StateStore
    const state = yield* Effect.fromResult(ReplicatedState.load(reader, groupId))
    if (state === undefined) return yield* new EncryptionStateMissing(options)
    return dumped(state)
  }).pipe(Effect.provide(StoppedNode.stores(options)), Effect.scoped)

function dumped({ applied, registry, sidecar }: ReplicatedState.ReplicatedState): DumpedSidecar {
  return {
    clusterId: sidecar.clusterId,
    groupId,
    appliedIndex: applied.index,
    raftEnvelopeCutoverIndex: sidecar.raftEnvelopeCutoverIndex,
    storageEnvelopeIndex: sidecar.storageEnvelopeIndex,
    active: sidecar.active,
    keys: sidecar.keys.map(({ createdIndex, id, purpose, wrapped }) => ({
      id,
      purpose,
      wrapped: Buffer.from(wrapped).toString("base64"),
      createdIndex
    })),
    writers: registry.writers.map(({ incarnation, nodeName, writerId }) => ({
      writerId,
      nodeName,
      incarnation,
      epochs: registry.rows
        .filter((row) => row.writerId === writerId)
        .map(({ firstEpoch, keyId, lastEpoch, openingId }) => ({
          keyId,
          firstEpoch,
          lastEpoch,
          openingId
        }))
    }))
  }
}
