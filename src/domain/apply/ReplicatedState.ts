/**
 * The in-memory copy of what the state environment says about encryption and progress, and how it is
 * loaded and saved (SPEC §8).
 *
 * What must never happen: a save that leaves the sidecar of another applied index than the one saved.
 * Proof: `ReplicatedState.test.ts`.
 */
import * as Result from "effect/Result"
import { type SidecarInconsistent, SidecarOfAnotherCommit } from "../encryption/Errors.ts"
import * as SidecarRecord from "../encryption/SidecarRecord.ts"
import * as Sidecar from "../encryption/SidecarState.ts"
import * as WriterRecord from "../encryption/WriterRecord.ts"
import * as WriterRegistry from "../encryption/WriterRegistry.ts"
import type { ClusterId, GroupId, LogIndex, Revision, Term } from "../Ids.ts"
import { RecordCorrupted } from "../log/Errors.ts"
import * as Record from "../log/Record.ts"
import * as Members from "../members/Members.ts"
import * as MembersRecord from "../members/MembersRecord.ts"
import type { StateReader, StateTransaction } from "../state/StateTransaction.ts"
import * as AppliedRecord from "./AppliedRecord.ts"

const singleton = Buffer.from([0])

export class ReplicatedState {
  readonly groupId: GroupId
  sidecar: Sidecar.SidecarState
  registry: WriterRegistry.WriterRegistry
  members: Members.Members
  applied: AppliedRecord.Applied
  /** Of the record of the sidecar, as it was saved or loaded last; 0 before. */
  sidecarChecksum: number

  constructor(
    fields: Pick<
      ReplicatedState,
      "groupId" | "sidecar" | "registry" | "members" | "applied" | "sidecarChecksum"
    >
  ) {
    this.groupId = fields.groupId
    this.sidecar = fields.sidecar
    this.registry = fields.registry
    this.members = fields.members
    this.applied = fields.applied
    this.sidecarChecksum = fields.sidecarChecksum
  }

  copy(): ReplicatedState {
    return new ReplicatedState(this)
  }

  /** Writes what differs from `before`, and always the applied index. */
  save(transaction: StateTransaction, before: ReplicatedState | undefined): void {
    const { applied, groupId, members, registry, sidecar } = this
    if (sidecar === before?.sidecar) {
      this.sidecarChecksum = before.sidecarChecksum
    } else {
      const record = SidecarRecord.encodeRecord(groupId, sidecar)
      this.sidecarChecksum = Record.checksumIn(record)
      transaction.put("sidecar", singleton, record)
    }
    const { sidecarChecksum } = this
    const progress = AppliedRecord.encode(groupId, { ...applied, sidecarChecksum })
    transaction.put("applied", singleton, progress)
    const knownWriters = before?.registry ?? WriterRegistry.empty
    if (registry !== knownWriters) {
      for (const { key, value } of WriterRecord.changed(groupId, knownWriters, registry)) {
        transaction.put("writers", key, value)
      }
    }
    const knownMembers = before?.members ?? Members.empty
    if (members === knownMembers) return
    for (const { key, value } of MembersRecord.changed(groupId, knownMembers, members)) {
      if (value === undefined) transaction.remove("members", key)
      else transaction.put("members", key, value)
    }
  }
}

/** The state of a new cluster, before its first entry. */
export const initial = (options: {
  readonly groupId: GroupId
  readonly clusterId: ClusterId
}): ReplicatedState =>
  new ReplicatedState({
    groupId: options.groupId,
    sidecar: Sidecar.initial(options.clusterId),
    registry: WriterRegistry.empty,
    members: Members.empty,
    applied: { index: 0 as LogIndex, term: 0 as Term, revision: 0 as Revision },
    sidecarChecksum: 0
  })

/** What a state that does not load fails with. */
export type LoadFailure = RecordCorrupted | SidecarInconsistent | SidecarOfAnotherCommit

/** How far a state has been applied, without the rest of it; `undefined` if nothing was written. */
export function appliedOf(
  state: StateReader,
  groupId: GroupId
): Result.Result<AppliedRecord.AppliedRecord | undefined, RecordCorrupted> {
  const bytes = state.get("applied", singleton)
  return bytes === undefined ? Result.succeed(undefined) : AppliedRecord.decode(groupId, bytes)
}

/** The cutover index of a state, without the rest of it; 0 = not cut over, or nothing was written. */
export function cutoverOf(
  state: StateReader,
  groupId: GroupId
): Result.Result<LogIndex, RecordCorrupted | SidecarInconsistent> {
  const bytes = state.get("sidecar", singleton)
  if (bytes === undefined) return Result.succeed(0 as LogIndex)
  const sidecar = SidecarRecord.decodeRecord(groupId, bytes)
  return Result.map(sidecar, ({ raftEnvelopeCutoverIndex }) => raftEnvelopeCutoverIndex)
}

/** `undefined` in a state environment that nothing was written to. */
export function load(
  state: StateReader,
  groupId: GroupId
): Result.Result<ReplicatedState | undefined, LoadFailure> {
  const appliedBytes = state.get("applied", singleton)
  const sidecarBytes = state.get("sidecar", singleton)
  if (appliedBytes === undefined && sidecarBytes === undefined) return Result.succeed(undefined)
  if (appliedBytes === undefined) return missing("applied", groupId)
  if (sidecarBytes === undefined) return missing("sidecar", groupId)
  return Result.gen(function* () {
    const { sidecarChecksum, ...applied } = yield* AppliedRecord.decode(groupId, appliedBytes)
    const sidecar = yield* SidecarRecord.decodeRecord(groupId, sidecarBytes)
    if (Record.checksumIn(sidecarBytes) !== sidecarChecksum) {
      return yield* Result.fail(new SidecarOfAnotherCommit({ appliedIndex: applied.index }))
    }
    const registry = yield* WriterRecord.decodeTable(groupId, state.range("writers", {}))
    const members = yield* MembersRecord.decodeTable(groupId, state.range("members", {}))
    return new ReplicatedState({ groupId, sidecar, registry, members, applied, sidecarChecksum })
  })
}

const missing = (record: string, groupId: GroupId) =>
  Result.fail(new RecordCorrupted({ record, groupId, reason: "missing" }))
