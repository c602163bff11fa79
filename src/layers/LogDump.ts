/**
 * The log of a stopped node, entry by entry, for operators (`sealog log dump`).
 *
 * Reads the same records the engine reads, with the same checks. What must never happen: a dump of a
 * directory that is in use, or a sealed entry shown as if it were plain. Proof: `test/e2e/`.
 */
import * as Effect from "effect/Effect"
import * as ReplicatedState from "../domain/apply/ReplicatedState.ts"
import * as Envelope from "../domain/encryption/Envelope.ts"
import * as Sidecar from "../domain/encryption/SidecarState.ts"
import type { LogIndex } from "../domain/Ids.ts"
import * as Limits from "../domain/Limits.ts"
import * as ProposalEnvelope from "../domain/log/ProposalEnvelope.ts"
import type { Entry } from "../domain/raft/Entry.ts"
import * as Position from "../domain/raft/Position.ts"
import { RaftLogStore } from "../services/RaftLogStore.ts"
import { StateStore } from "../services/StateStore.ts"
import { groupId } from "./Node.ts"
import * as StoppedNode from "./StoppedNode.ts"
import { attempt } from "./SynchronousFailure.ts"

/** One line of a dump. */
export interface DumpedEntry {
  readonly index: number
  readonly term: number
  readonly kind: Entry["kind"]
  /** Is it sealed, as the state of this node says (SPEC §11)? */
  readonly sealed: boolean
  /** Of a sealed entry; 0 otherwise. */
  readonly keyId: number
  /** Bytes of the entry's data. */
  readonly bytes: number
  /** The data in base64, on request. */
  readonly data?: string
}

export interface DumpOptions {
  readonly directory: string
  /** First index; the first of the log if left out. */
  readonly from?: number | undefined
  /** One after the last index; the end of the log if left out. */
  readonly until?: number | undefined
  readonly raw: boolean
}

const pieceBytesMax = 4 * Limits.mebibyte

/** Calls `emit` for each entry of `[from, until)`, read a bounded piece at a time. */
export const entries = (options: DumpOptions, emit: (entry: DumpedEntry) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const { reader } = yield* RaftLogStore
    const state = yield* Effect.fromResult(
      ReplicatedState.load((yield* StateStore).reader, groupId)
    )
    const isSealed = ({ index, kind }: Entry) =>
      kind === "normal" && state !== undefined && Sidecar.isEntrySealed(state.sidecar, index)
    const end = Position.after(reader.lastIndex())
    const until = Position.smaller(end, (options.until ?? end) as LogIndex)
    let from = Position.larger(reader.firstIndex(), (options.from ?? 0) as LogIndex)
    while (from < until) {
      const piece = yield* attempt(() => reader.entries(from, until, pieceBytesMax))
      for (const entry of piece) yield* emit(dumped(entry, isSealed(entry), options.raw))
      from = Position.plus(from, piece.length)
    }
  }).pipe(Effect.provide(StoppedNode.stores(options)), Effect.scoped)

function dumped(entry: Entry, sealed: boolean, raw: boolean): DumpedEntry {
  const { data, index, kind, term } = entry
  const body = sealed ? ProposalEnvelope.bodyOf(data) : undefined
  return {
    index,
    term,
    kind,
    sealed,
    keyId: body === undefined ? 0 : Envelope.keyIdOf(body),
    bytes: data.length,
    ...(raw ? { data: Buffer.from(data).toString("base64") } : {})
  }
}
