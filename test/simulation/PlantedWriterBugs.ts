/**
 * Bugs in what makes a writer's nonces unique, and a caller's answer its own, that only a test assembly
 * can have (SPEC §6, §7).
 *
 * Two rules keep an epoch from being used twice: it is durable before it is used, and an equal one of
 * another opening is refused. So either is broken together with the other.
 */
import * as Result from "effect/Result"
import { Applier } from "../../src/domain/apply/Applier.ts"
import type { AppliedOutcome } from "../../src/domain/apply/Outcome.ts"
import type { ReplicatedState } from "../../src/domain/apply/ReplicatedState.ts"
import * as Registration from "../../src/domain/encryption/Registration.ts"
import * as WriterRegistry from "../../src/domain/encryption/WriterRegistry.ts"
import { PendingProposals } from "../../src/domain/engine/PendingProposals.ts"
import type { LocalEpoch, LogIndex, ProposalId } from "../../src/domain/Ids.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import type { Position } from "../../src/domain/raft/Position.ts"
import { RaftEngineDriver } from "../../src/layers/RaftEngineDriver.ts"
import { RaftEngineWriter } from "../../src/layers/RaftEngineWriter.ts"
import { LocalStore } from "../../src/services/LocalStore.ts"
import { swap } from "../support/SwappedLayers.ts"
import type * as Planted from "./Planted.ts"
import * as PlantedPrograms from "./PlantedPrograms.ts"
import { both, type Method, patched, swapped, together } from "./PlantedServices.ts"

type Sealed = (this: { writeCount: number }, envelope: unknown, at: Position) => Uint8Array

const sealing = (isReset: (at: Position, writer: object) => boolean): Planted.Planted =>
  patched<Sealed & Method>(
    RaftEngineWriter,
    "sealed",
    (original) =>
      function (this: { writeCount: number }, envelope: unknown, at: Position) {
        if (isReset(at, this)) this.writeCount = 0
        return original.call(this, envelope, at)
      } as Sealed & Method
  )

const termOf = new WeakMap<object, number>()

const epochNotWritten = swapped(() => [
  swap(LocalStore, (store) => ({
    ...store,
    write: (record) => store.write({ ...record, epochs: new Map() })
  }))
])

/** Each opening finds the epochs of the one before the last. */
const oldDisk = swapped(() => [
  swap(LocalStore, (store) => ({
    ...store,
    read: () => {
      const record = store.read()
      if (record === undefined) return undefined
      const epochs = [...record.epochs].flatMap(([keyId, epoch]) =>
        epoch > 1 ? [[keyId, (epoch - 1) as LocalEpoch] as const] : []
      )
      return { ...record, epochs: new Map(epochs) }
    }
  }))
])

type Dispatch = (entry: Entry, state: ReplicatedState, transaction: unknown) => AppliedOutcome

/** An equal epoch is taken for that of the same opening, whoever registers it. */
const anyOpening = patched<Dispatch & Method>(
  Applier,
  "dispatch",
  (original) =>
    function (this: unknown, entry: Entry, state: ReplicatedState, transaction: unknown) {
      if (entry.kind === "registration") takeOver(state, entry)
      return original.call(this, entry, state, transaction)
    } as Dispatch & Method
)

function takeOver(state: ReplicatedState, { data }: Entry): void {
  const { epoch, keyId, openingId, ...identity } = Result.getOrThrow(Registration.decode(data))
  const writerId = WriterRegistry.writerIdOf(state.registry, identity)
  const rows = state.registry.rows.map((row) => {
    const isEqual = row.keyId === keyId && row.writerId === writerId && row.lastEpoch === epoch
    return isEqual ? { ...row, openingId } : row
  })
  state.registry = { ...state.registry, rows }
}

interface Pending {
  readonly term: number
  readonly proposalId: ProposalId | undefined
  readonly onEvent: (event: unknown) => void
}

interface OpenPending {
  readonly byIndex: Map<LogIndex, ReadonlyArray<Pending>>
  pendingCount: number
}

type PendingApplied = (
  entry: Entry,
  proposalId: ProposalId | undefined,
  outcome: AppliedOutcome
) => void

/** Whoever waits for a proposal of this id is told, wherever its own was appended. */
const answeredById = patched<PendingApplied & Method>(
  PendingProposals,
  "applied",
  (original) =>
    function (
      this: OpenPending,
      entry: Entry,
      proposalId: ProposalId | undefined,
      outcome: AppliedOutcome
    ) {
      if (proposalId === undefined) return original.call(this, entry, proposalId, outcome)
      const { index, term } = entry
      for (const [at, waiting] of [...this.byIndex]) {
        const asked = waiting.filter((pending) => pending.proposalId === proposalId)
        if (asked.length === 0) continue
        this.byIndex.set(
          at,
          waiting.filter((pending) => !asked.includes(pending))
        )
        this.pendingCount -= asked.length
        for (const { onEvent } of asked) {
          onEvent({ _tag: "Applied", position: { term, index }, outcome })
        }
      }
    } as PendingApplied & Method
)

const begun = new WeakSet<object>()

type Propose = (this: { nextProposalId: ProposalId }, ...parts: ReadonlyArray<never>) => void

/** In every opening they begin with the same one. */
const equalIds = patched<Propose & Method>(
  RaftEngineDriver,
  "propose",
  (original) =>
    function (this: { nextProposalId: ProposalId }, ...parts: ReadonlyArray<never>) {
      if (!begun.has(this)) this.nextProposalId = 1n as ProposalId
      begun.add(this)
      original.call(this, ...parts)
    } as Propose & Method
)

const writerBugs = {
  nonceCounterStuck: sealing(() => true),
  /** It begins anew whenever the node leads again. */
  nonceCounterReset: sealing(({ term }, writer) => {
    const isNew = termOf.get(writer) !== term
    termOf.set(writer, term)
    return isNew
  }),
  /** An epoch that is not on disk before it is used. */
  epochNotDurable: together(anyOpening, epochNotWritten),
  /** The epoch of another opening, of which the disk is an old copy. */
  equalEpochAccepted: together(oldDisk, anyOpening),
  reusedProposalId: {
    ...both(equalIds, answeredById),
    program: PlantedPrograms.leadersAreCutOff
  }
} satisfies Readonly<Record<string, Planted.Planted>>

export const all: Readonly<Record<string, Planted.Planted>> = writerBugs
