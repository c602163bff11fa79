/**
 * Bugs in the rules of the cutover that only a test assembly can have (SPEC §6, §10–§16): in services, by
 * what is put in their place; in the classes of the domain, by methods that are replaced for a run.
 *
 * The append guard alone keeps plaintext from above the marker. So a rule of the second line is broken
 * together with it (`besides`), by a seed that shows nothing when the guard alone is off.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Command from "../../src/domain/encryption/Command.ts"
import { AppendGuard } from "../../src/domain/engine/AppendGuard.ts"
import { Leadership } from "../../src/domain/engine/Leadership.ts"
import type { ProposalEvent } from "../../src/domain/engine/PendingProposals.ts"
import type { LogIndex } from "../../src/domain/Ids.ts"
import * as Payload from "../../src/domain/log/Payload.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import { RaftEngineDriver } from "../../src/layers/RaftEngineDriver.ts"
import { Cutover } from "../../src/services/Cutover.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { type Proposal, RaftEngine } from "../../src/services/RaftEngine.ts"
import { WrapFlag } from "../../src/services/WrapFlag.ts"
import { type Swap, seen, swap } from "../support/SwappedLayers.ts"
import * as Planted from "./Planted.ts"
import * as PlantedPrograms from "./PlantedPrograms.ts"
import { both, type Method, patched, swapped, together } from "./PlantedServices.ts"
import type { Program } from "./Program.ts"

const guardOff: Planted.Planted = {
  ...patched(AppendGuard, "admits", () => () => true),
  program: PlantedPrograms.rotationRacesMarker
}

/** Broken together with the guard, which alone shows nothing with the same seed. */
const behindGuard = (
  bug: Planted.Planted,
  program?: (drawn: Program) => Program
): Planted.Planted => {
  const { program: _, ...both } = together(guardOff, bug)
  return program === undefined ? both : { ...both, program }
}

const isMarker = ({ body, toBeSealed }: Proposal): boolean =>
  !toBeSealed && Command.isEnableRaftEnvelope(body)

/** What the engine of a node does with a marker that it is to propose. */
const proposingMarker = (
  change: (
    propose: RaftEngine["Service"]["propose"],
    marker: Proposal,
    name: string
  ) => ReturnType<RaftEngine["Service"]["propose"]>,
  others: (name: string) => ReadonlyArray<Swap> = () => []
): Planted.Planted =>
  swapped((name) => [
    ...others(name),
    swap(RaftEngine, (engine) => ({
      ...engine,
      propose: (proposal) =>
        isMarker(proposal) ? change(engine.propose, proposal, name) : engine.propose(proposal)
    }))
  ])

/** The flag of each node, to be set by who must not. */
function withFlag(plant: (flag: (name: string) => WrapFlag["Service"]) => Planted.Planted) {
  const flags = new Map<string, WrapFlag["Service"]>()
  const bug = plant((name) => flags.get(name)!)
  const keep = (name: string) =>
    seen(WrapFlag, (flag) => {
      flags.set(name, flag)
    })
  return { ...bug, swaps: (name: string) => [keep(name), ...bug.swaps(name)] }
}

/** A node whose flag is set only if the first cause it is told of is one that counts. */
const flagSetIf = (
  counts: (cause: Parameters<WrapFlag["Service"]["set"]>[0], node: FlagNode) => boolean
): Planted.Planted =>
  swapped(() => {
    const node: { engine: RaftEngine["Service"] | undefined } = { engine: undefined }
    let isIgnored: boolean | undefined
    return [
      swap(WrapFlag, (flag) => ({
        ...flag,
        set: (cause) => {
          isIgnored ??= !counts(cause, node)
          if (!isIgnored) flag.set(cause)
        }
      })),
      seen(RaftEngine, (engine) => {
        node.engine = engine
      })
    ]
  })

interface FlagNode {
  /** Undefined while the node starts. */
  readonly engine: RaftEngine["Service"] | undefined
}

/** The barrier of a node, as all that use it see it. */
const barrierOf = (
  change: (barrier: QuiescenceBarrier["Service"]) => Partial<QuiescenceBarrier["Service"]>
): Planted.Planted =>
  swapped(() => [swap(QuiescenceBarrier, (barrier) => ({ ...barrier, ...change(barrier) }))])

const flagUnsetAtStart = flagSetIf((_, { engine }) => engine !== undefined)

interface OpenGuard {
  readonly markers: ReadonlyArray<LogIndex>
  readonly isCutOver: boolean
}

type Appended = (entries: ReadonlyArray<Entry>) => void

const truncated = new WeakSet<object>()

/** How long a run goes without a look at whether its node leads. */
const looksEveryMillis = 1_500

/** Told of what becomes of its marker as somebody who asks, now and then, whether this node leads. */
function lookingAtRole(
  engine: RaftEngine["Service"],
  onEvent: Proposal["onEvent"]
): { readonly onEvent: Proposal["onEvent"]; readonly looking: Effect.Effect<void> } {
  let isOver = false
  const tell = (event: ProposalEvent) => {
    if (!isOver) onEvent(event)
    isOver = true
  }
  const look = Effect.sync(() => {
    if (engine.status().role !== "Leader") tell({ _tag: "TermLeft" })
    return isOver
  })
  return {
    onEvent: (event) => {
      if (event._tag === "Applied" || event._tag === "Stopped") tell(event)
    },
    looking: Effect.asVoid(
      Effect.repeat(Effect.andThen(Effect.sleep(looksEveryMillis), look), { until: Boolean })
    )
  }
}

/** Every so many batches of users, one reaches the engine only so long after its flag was read. */
const lateBatches = { onceIn: 4, millis: 300 }

const isOfUsers = ({ body, toBeSealed }: Proposal): boolean => {
  const payload = Payload.decode(body)
  return !toBeSealed && Result.isSuccess(payload) && payload.success._tag === "Requests"
}

/**
 * No bug: nothing says how soon the fibre that hands batches over is run. In one term the drain waits for
 * what was handed over late; what an earlier term has admitted nobody waits for.
 */
const handedOverLate = swapped(() => {
  let count = 0
  return [
    swap(RaftEngine, (engine) => ({
      ...engine,
      propose: (proposal) => {
        const proposed = engine.propose(proposal)
        if (!isOfUsers(proposal) || ++count % lateBatches.onceIn !== 0) return proposed
        return Effect.andThen(Effect.sleep(lateBatches.millis), proposed)
      }
    }))
  ]
})

/** No bug: an operator's wait ends long before the marker is on a majority of slow disks. */
const callersHaveNoTime: Planted.Planted = {
  ...Planted.none,
  settings: { cutoverTimeoutMillis: 10 }
}

/**
 * Whose time is over once the marker was proposed opens the barrier behind itself. The run goes on: it has
 * not been told what became of the marker, and its caller is no longer awaited.
 */
const openedOnTimeOut = swapped(() => {
  const node: { barrier?: QuiescenceBarrier["Service"] } = {}
  return [
    seen(QuiescenceBarrier, (barrier) => {
      node.barrier = barrier
    }),
    swap(Cutover, (cutover) => ({
      ...cutover,
      enableRaftEnvelope: Effect.tapError(cutover.enableRaftEnvelope, ({ _tag }) =>
        Effect.sync(() => {
          const state = cutover.state()
          const hasTimedOut = "isAwaited" in state && !state.isAwaited
          if (_tag === "CutoverOutcomeUnknown" && hasTimedOut) node.barrier?.open()
        })
      )
    }))
  ]
})

type Propose = (proposal: Proposal, ...rest: ReadonlyArray<never>) => void

/** The engine takes a proposal in whatever term it leads. */
const inAnyTerm = patched<Propose & Method>(
  RaftEngineDriver,
  "propose",
  (original) =>
    function (this: RaftEngineDriver, proposal: Proposal, ...rest: ReadonlyArray<never>) {
      original.call(this, { ...proposal, term: this.leadership.term }, ...rest)
    } as Propose & Method
)

/** Those that are planted together with the guard. */
export const secondLine: Readonly<Record<string, Planted.Planted>> = {
  /** `>=` where it is written: the marker is sealed like what follows it. */
  sealsMarkerItself: behindGuard(
    proposingMarker((propose, marker) => propose({ ...marker, toBeSealed: true }))
  ),
  flagUnsetAtStart: behindGuard(flagUnsetAtStart),
  flagSetByLeaderOnly: behindGuard(
    flagSetIf((_, { engine }) => engine === undefined || engine.status().role === "Leader")
  ),
  snapshotLeavesFlag: behindGuard(flagSetIf((cause) => cause !== "snapshotInstalled")),
  flagSetBeforeApply: behindGuard(
    withFlag((flag) =>
      proposingMarker((propose, marker, name) => {
        flag(name).set("cutoverProgram")
        return propose(marker)
      })
    ),
    PlantedPrograms.markerIsTruncated
  ),
  staleMarkerSetsFlag: behindGuard(
    withFlag((flag) =>
      proposingMarker((propose, marker, name) =>
        propose({
          ...marker,
          onEvent: (event) => {
            const isApplied = event._tag === "Applied" && event.outcome._tag === "Encryption"
            if (isApplied) flag(name).set("cutoverProgram")
            marker.onEvent(event)
          }
        })
      )
    ),
    PlantedPrograms.rotationRacesMarker
  ),
  secondMarkerAdmitted: behindGuard(
    proposingMarker((propose, marker) =>
      Effect.tap(propose(marker), () => Effect.exit(propose({ ...marker, onEvent: () => {} })))
    )
  ),
  intakeBeforeNoop: behindGuard(
    patched(
      Leadership,
      "isReady",
      () =>
        function (this: Leadership) {
          return this.isLeader
        } as Method
    )
  ),
  proposalNotBoundToTerm: {
    ...together(both(guardOff, handedOverLate), inAnyTerm),
    alone: both(inAnyTerm, handedOverLate),
    program: PlantedPrograms.leadershipGoesRound
  },
  drainNotAwaited: behindGuard(
    barrierOf(() => ({ drained: Effect.void })),
    PlantedPrograms.slowDisks
  ),
  barrierLetsUsersIn: behindGuard(
    barrierOf((barrier) => ({
      admit: (asked) => {
        const { isClosed } = barrier.state()
        if (!isClosed || asked.source !== "user") return barrier.admit(asked)
        barrier.open()
        barrier.admit(asked)
        barrier.close()
        return true
      }
    }))
  ),
  barrierOpensOnTimeOut: {
    ...together(both(guardOff, callersHaveNoTime), openedOnTimeOut),
    alone: both(openedOnTimeOut, callersHaveNoTime),
    program: PlantedPrograms.slowDisks
  }
}

const cutoverBugs = {
  /** Nothing but the second line: what is administered passes the barrier, and lands in clear. */
  guardOff,
  ...secondLine,
  /** The marker waits for the barrier that waits for it. */
  barrierGatesMarker: swapped(() => {
    const node: { barrier?: QuiescenceBarrier["Service"] } = {}
    return [
      seen(QuiescenceBarrier, (barrier) => {
        node.barrier = barrier
      }),
      swap(RaftEngine, (engine) => ({
        ...engine,
        propose: (proposal) =>
          isMarker(proposal)
            ? Effect.andThen(node.barrier!.opened, engine.propose(proposal))
            : engine.propose(proposal)
      }))
    ]
  }),
  /** A run ends when its node does not lead: not when it leads again, in a later term. */
  releaseNotBoundToTerm: {
    ...swapped(() => [
      swap(RaftEngine, (engine) => ({
        ...engine,
        propose: (proposal) => {
          if (!isMarker(proposal)) return engine.propose(proposal)
          const { looking, onEvent } = lookingAtRole(engine, proposal.onEvent)
          const proposed = engine.propose({ ...proposal, onEvent })
          return Effect.tap(proposed, () => Effect.forkDetach(looking))
        }
      }))
    ]),
    program: PlantedPrograms.markerIsTruncated
  },
  /** A marker that was cut off with the tail of the log counts for ever: nothing is taken in. */
  truncatedMarkerCounts: {
    ...both(
      patched<Appended & Method>(
        AppendGuard,
        "appended",
        (original) =>
          function (this: OpenGuard, entries: ReadonlyArray<Entry>) {
            const before = [...this.markers]
            original.call(this, entries)
            if (before.some((marker) => !this.markers.includes(marker))) truncated.add(this)
          } as Appended & Method
      ),
      patched(
        AppendGuard,
        "markerCounts",
        () =>
          function (this: OpenGuard) {
            return this.isCutOver || this.markers.length > 0 || truncated.has(this)
          } as Method
      )
    ),
    program: PlantedPrograms.markerIsTruncated
  },
  /**
   * Only a log in which it still stands tells a guard of a marker. It refuses what is to be sealed then;
   * a leader that has forgotten its flag as well writes plaintext.
   */
  compactedMarkerForgotten: together(
    flagUnsetAtStart,
    both(
      patched(AppendGuard, "applied", () => (() => {}) as Method),
      patched(
        AppendGuard,
        "markerCounts",
        () =>
          function (this: OpenGuard) {
            return this.markers.length > 0
          } as Method
      )
    )
  )
} satisfies Readonly<Record<string, Planted.Planted>>

export const all: Readonly<Record<string, Planted.Planted>> = cutoverBugs
