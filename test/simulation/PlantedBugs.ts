/**
 * Bugs that only a test assembly can have, each of which the simulator must notice: in the core, by
 * its own switches; around it and in the stores, by what is put in their place.
 *
 * Which seed catches which: `PlantedBugSeeds.ts`. Proof: `PlantedBugs.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { LogIndex } from "../../src/domain/Ids.ts"
import * as Command from "../../src/domain/kv/Command.ts"
import * as Payload from "../../src/domain/log/Payload.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import type { Request } from "../../src/domain/log/Request.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import type { PlantedBug } from "../../src/domain/raft/PlantedBug.ts"
import type { Ready } from "../../src/domain/raft/Ready.ts"
import type { Changes } from "../../src/domain/state/Changes.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as Planted from "./Planted.ts"
import * as PlantedApplyBugs from "./PlantedApplyBugs.ts"
import * as PlantedCutoverBugs from "./PlantedCutoverBugs.ts"
import * as PlantedGateBugs from "./PlantedGateBugs.ts"
import * as PlantedPrograms from "./PlantedPrograms.ts"
import { type Method, patched } from "./PlantedServices.ts"
import { inLog, inState } from "./PlantedStores.ts"
import * as PlantedWriterBugs from "./PlantedWriterBugs.ts"

const inCore = (bug: PlantedBug): Planted.Planted => ({
  ...Planted.none,
  makeCore: ({ make }) => make(bug)
})

/** Changes what the core of the second member, or of every one, hands out. */
const inReady = (
  change: (ready: Ready, parts: Planted.CoreParts) => Partial<Ready>,
  isEveryone = false
): Planted.Planted => ({
  ...Planted.none,
  makeCore: (parts) => {
    const raft = parts.make()
    if (!isEveryone && parts.options.id !== 2) return raft
    const ready = raft.ready.bind(raft)
    raft.ready = () => {
      const handedOut = ready()
      return Object.assign(handedOut, change(handedOut, parts))
    }
    return raft
  }
})

/** Two requests take effect in each other's place. */
function swapped(entries: ReadonlyArray<Entry>): ReadonlyArray<Entry> {
  const [first, second] = entries.filter(({ kind }) => kind === "normal")
  if (first === undefined || second === undefined) return entries
  return entries.map((entry) => {
    if (entry === first) return { ...entry, data: second.data }
    return entry === second ? { ...entry, data: first.data } : entry
  })
}

/** Every fifth request does nothing. */
const withGaps = (entries: ReadonlyArray<Entry>): ReadonlyArray<Entry> =>
  entries.map((entry) =>
    entry.kind === "normal" && entry.index % 5 === 0 ? { ...entry, kind: "noop" as const } : entry
  )

type Commit = (changes: Changes) => Error | undefined

/** A leader that proposes something else than it is asked for. */
const proposing = (change: (request: Request) => Request): Planted.Planted => ({
  ...Planted.none,
  makeCore: ({ make }) => {
    const raft = make()
    const propose = raft.propose.bind(raft)
    raft.propose = (drafts) =>
      propose(
        drafts.map(({ data, kind }) => ({
          kind,
          data: typeof data === "function" ? (position) => changed(data(position), change) : data
        }))
      )
    return raft
  }
})

function changed(data: Uint8Array, change: (request: Request) => Request): Uint8Array {
  const body = ProposalEnvelope.bodyOf(data)
  const payload = body === undefined ? undefined : Payload.decode(body)
  if (payload?._tag !== "Success" || payload.success._tag !== "Requests") return data
  const requests = payload.success.requests.map(change)
  const proposalId = ProposalEnvelope.proposalIdOf(data)!
  return ProposalEnvelope.encode({
    proposalId,
    body: Payload.encode({ ...payload.success, requests })
  })
}

/** The same for what the state machine is told to do. */
const commanding = (change: (command: Command.Command) => Command.Command): Planted.Planted =>
  proposing((request) => {
    const command = Result.getOrThrow(Command.decode(request.content))
    return { ...request, content: Command.encode(change(command)) }
  })

/**
 * Not `countsItselfUnpersisted`: the driver writes what is ready before it takes anything else in, so a
 * whole node cannot show it. The core's own simulation does (`test/domain/raft/Simulation.test.ts`).
 */
const core: ReadonlyArray<PlantedBug> = [
  "votesTwice",
  "votesForAnyLog",
  "appendsWithoutMatch",
  "cutsBehindAppend",
  "readsWithoutQuorum",
  "countsLearners"
]

export const all: Readonly<Record<string, Planted.Planted>> = {
  ...Object.fromEntries(core.map((bug) => [bug, inCore(bug)])),
  commitsEarlierTerms: {
    ...inCore("commitsEarlierTerms"),
    program: PlantedPrograms.leadersFallWithTails
  },
  ignoresOutgoingVoters: {
    ...inCore("ignoresOutgoingVoters"),
    program: PlantedPrograms.votersAreReplaced
  },
  refusesWithoutCommitted: {
    ...inCore("refusesWithoutCommitted"),
    program: PlantedPrograms.votersAreReplacedUnheard
  },
  learnsCommittedOfAnyTerm: {
    ...inCore("learnsCommittedOfAnyTerm"),
    program: PlantedPrograms.leadersFallWithTails
  },
  ...PlantedCutoverBugs.all,
  ...PlantedGateBugs.all,
  ...PlantedApplyBugs.all,
  ...PlantedWriterBugs.all,
  /** A vote is not written with the term it was given in. */
  forgetsVote: {
    ...inLog((store) => ({
      persist: (write) =>
        store.persist({
          ...write,
          hardState: write.hardState && { ...write.hardState, vote: undefined }
        })
    })),
    program: PlantedPrograms.voterFalls
  },
  /** A write is called durable that a crash may take. */
  answersBeforeSync: { ...Planted.none, isUnsynced: true },
  /** A failed write of the log is taken for done. */
  swallowsWriteErrors: inLog((store) => ({
    persist: (write) => Effect.ignore(store.persist(write))
  })),
  /** The same of the state: a commit that failed is missing, and the next one is made. */
  swallowsStateErrors: {
    ...patched<Commit & Method>(
      MemoryDisk,
      "commit",
      (original) =>
        function (this: MemoryDisk, changes: Changes) {
          if (original.call(this, changes) !== undefined) this.nextStateFault = undefined
        } as Commit & Method
    ),
    program: PlantedPrograms.stateCommitsFail
  },
  /** The log forgets what the state has not got. */
  compactsTooFar: inLog((store) => ({
    compact: (compaction) =>
      store.compact({ ...compaction, through: store.reader.lastIndex() as LogIndex })
  })),
  /** What a member vouches for leaves it before it is durable. */
  sendsBeforePersisting: inReady(({ messages }, { send }) => {
    for (const message of messages) if (message._tag !== "InstallSnapshot") send(message)
    return {}
  }, true),
  appliesOutOfOrder: inReady(({ committedEntries }) => ({
    committedEntries: swapped(committedEntries)
  })),
  leavesOutEntry: inReady(({ committedEntries }) => ({
    committedEntries: withGaps(committedEntries)
  })),
  /** A read does not wait until its index is applied. */
  readsBeforeApplied: inReady(
    ({ readStates }) => ({
      readStates: readStates.map((read) => ({ ...read, index: 0 as LogIndex }))
    }),
    true
  ),
  /** A read that is to be linearizable is answered from what is there. */
  servesStaleReads: { ...Planted.none, isStale: true },
  /** Damage at rest is not noticed by who reads it. */
  ignoresChecksums: { ...Planted.none, isDamageUnseen: true },
  appliesRetriedTwice: proposing((request) => ({ ...request, session: undefined })),
  /** A transaction writes whatever it finds. */
  ignoresCompares: commanding((command) =>
    command._tag === "Txn" ? { ...command, compares: [] } : command
  ),
  deletesAnotherKey: commanding((command) =>
    command._tag === "Delete" ? { ...command, key: Buffer.from("another") } : command
  ),
  /** Who gets a snapshot does not know which writes were applied. */
  snapshotWithoutSessions: inState((store) => ({
    snapshot: Effect.map(store.snapshot, ({ reader }) => ({
      reader: {
        ...reader,
        range: (table, range) => (table === "sessions" ? [] : reader.range(table, range))
      }
    }))
  }))
}

/** No bug, if none is named. */
export function named(bug: string | undefined): Planted.Planted {
  if (bug === undefined) return Planted.none
  const planted = all[bug]
  if (planted === undefined) throw new Error(`${bug} is no planted bug`)
  return planted
}
