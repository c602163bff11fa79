/**
 * The log of a stopped node, entry by entry, for operators (`sealog log dump`).
 *
 * Reads the same records the engine reads, with the same checks. After a crash the state may lag behind
 * the log; what it lacks of the encryption state is taken from the log, as a start would. What must never
 * happen: a dump of a directory that is in use, or a sealed entry shown as if it were plain.
 * Proof: `test/e2e/Admin.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as ReplicatedState from "../domain/apply/ReplicatedState.ts"
import * as Command from "../domain/encryption/Command.ts"
import * as Envelope from "../domain/encryption/Envelope.ts"
import * as SidecarState from "../domain/encryption/SidecarState.ts"
import type { ClusterId, LogIndex, Revision } from "../domain/Ids.ts"
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
  /** Is it sealed, as its index says and no byte of it (SPEC §11)? */
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
export const entries = <E>(
  options: DumpOptions,
  emit: (entry: DumpedEntry) => Effect.Effect<void, E>
) =>
  Effect.gen(function* () {
    const { reader } = yield* RaftLogStore
    const state = yield* Effect.fromResult(
      ReplicatedState.load((yield* StateStore).reader, groupId)
    )
    const sealing = new Sealing(state)
    const end = Position.after(reader.lastIndex())
    const until = Position.smaller(end, (options.until ?? end) as LogIndex)
    const emitted = Position.larger(reader.firstIndex(), (options.from ?? 0) as LogIndex)
    let from = Position.larger(
      reader.firstIndex(),
      Position.smaller(emitted, Position.after(sealing.appliedIndex))
    )
    while (from < until) {
      const piece = yield* attempt(() => reader.entries(from, until, pieceBytesMax))
      for (const entry of piece) {
        const isSealed = sealing.passed(entry)
        if (entry.index >= emitted) yield* emit(dumped(entry, isSealed, options.raw))
      }
      from = Position.plus(from, piece.length)
    }
  }).pipe(Effect.provide(StoppedNode.stores(options)), Effect.scoped)

/** Mutable: which entries are sealed, going up from what the state has applied. */
class Sealing {
  readonly appliedIndex: LogIndex
  private readonly revision: Revision
  private sidecar: SidecarState.SidecarState

  constructor(state: ReplicatedState.ReplicatedState | undefined) {
    this.appliedIndex = state?.applied.index ?? (0 as LogIndex)
    this.revision = state?.applied.revision ?? (0 as Revision)
    // The cluster id of a state that is lost decides nothing here.
    this.sidecar = state?.sidecar ?? SidecarState.initial("0".repeat(32) as ClusterId)
  }

  /** Is it sealed? Every entry above the applied index is asked about, in order. */
  passed({ data, index, kind }: Entry): boolean {
    if (kind !== "normal") return false
    if (SidecarState.isEntrySealed(this.sidecar, index)) return true
    const body = index > this.appliedIndex ? ProposalEnvelope.bodyOf(data) : undefined
    const command = body && Result.getOrUndefined(Command.decode(body))
    if (command !== undefined) {
      // Revisions concern values, not entries.
      const at = { index, revision: this.revision }
      this.sidecar = SidecarState.apply(this.sidecar, command, at).state
    }
    return false
  }
}

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
