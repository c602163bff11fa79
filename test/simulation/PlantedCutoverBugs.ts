/**
 * Bugs in the rules of the cutover that only a test assembly can have (SPEC §6, §10–§16): in services, by
 * what is put in their place; in the classes of the domain, by methods that are replaced for a run.
 *
 * The append guard alone keeps plaintext from above the marker. So a rule of the second line is broken
 * together with it (`besides`), by a seed that shows nothing when the guard alone is off.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { Applier } from "../../src/domain/apply/Applier.ts"
import type { ReplicatedState } from "../../src/domain/apply/ReplicatedState.ts"
import * as Command from "../../src/domain/encryption/Command.ts"
import * as RaftEnvelope from "../../src/domain/encryption/RaftEnvelope.ts"
import * as SidecarRecord from "../../src/domain/encryption/SidecarRecord.ts"
import type { SidecarState } from "../../src/domain/encryption/SidecarState.ts"
import { AppendGuard } from "../../src/domain/engine/AppendGuard.ts"
import { Leadership } from "../../src/domain/engine/Leadership.ts"
import type { LogIndex, OpeningId } from "../../src/domain/Ids.ts"
import type * as Payload from "../../src/domain/log/Payload.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import type { Position } from "../../src/domain/raft/Position.ts"
import { RaftEngineWriter } from "../../src/layers/RaftEngineWriter.ts"
import { Applier as AppliedState } from "../../src/services/Applier.ts"
import { Cutover } from "../../src/services/Cutover.ts"
import { LocalStore } from "../../src/services/LocalStore.ts"
import { Opening } from "../../src/services/Opening.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { type Proposal, RaftEngine } from "../../src/services/RaftEngine.ts"
import { WrapFlag } from "../../src/services/WrapFlag.ts"
import { type Swap, swap } from "../support/SwappedLayers.ts"
import * as Planted from "./Planted.ts"
import { inState } from "./PlantedStores.ts"
import { groupId } from "./SimulatedDisk.ts"

type Method = (...parts: ReadonlyArray<never>) => unknown

/** A method of all objects of a class is another one while a run lasts. */
function patched<M extends Method>(
  { prototype }: { readonly prototype: object },
  name: string,
  replace: (original: M) => M
): Planted.Planted {
  const during = <A>(run: () => A): A => {
    const original = Object.getOwnPropertyDescriptor(prototype, name)
    if (original === undefined) throw new Error(`there is no ${name} to be replaced`)
    const method = original.get ?? original.value
    const other = replace(method as M)
    const replaced = original.get === undefined ? { value: other } : { get: other }
    Object.defineProperty(prototype, name, { ...original, ...replaced })
    try {
      return run()
    } finally {
      Object.defineProperty(prototype, name, original)
    }
  }
  return { ...Planted.none, during }
}

const swapped = (swaps: (name: string) => ReadonlyArray<Swap>): Planted.Planted => ({
  ...Planted.none,
  swaps
})

const guardOff = patched(AppendGuard, "admits", () => () => true)

/** Broken together with the guard, which alone shows nothing with the same seed. */
const behindGuard = (bug: Planted.Planted): Planted.Planted => ({
  ...bug,
  during: (run) => guardOff.during(() => bug.during(run)),
  besides: guardOff
})

/** How an applier reads the payload of an entry. */
type PayloadOf = (this: ApplierParts, entry: Entry, sidecar: SidecarState) => Payload.Payload

interface ApplierParts {
  readonly parts: ConstructorParameters<typeof Applier>[0]
  readonly state: ReplicatedState
}

const reading = (replace: (original: PayloadOf) => PayloadOf): Planted.Planted =>
  patched<PayloadOf & Method>(
    Applier,
    "payloadOf",
    (original) => replace(original) as PayloadOf & Method
  )

/** Opened as if it were sealed: fails if it is not. */
function opened(
  { parts }: ApplierParts,
  { data, index, term }: Entry,
  body: Uint8Array
): never | Entry {
  const options = { keys: parts.keys, groupId: parts.groupId, term, index }
  const plain = Result.getOrThrow(RaftEnvelope.open(options, body))
  const proposalId = ProposalEnvelope.proposalIdOf(data)!
  return { term, index, kind: "normal", data: ProposalEnvelope.encode({ proposalId, body: plain }) }
}

const bodyOf = ({ data }: Entry): Uint8Array => ProposalEnvelope.bodyOf(data)!

const plainSidecar = (sidecar: SidecarState): SidecarState => ({
  ...sidecar,
  raftEnvelopeCutoverIndex: 0 as LogIndex
})

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
    swap(WrapFlag, (flag) => {
      flags.set(name, flag)
      return flag
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
      swap(RaftEngine, (engine) => {
        node.engine = engine
        return engine
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

type ApplyCommand = (entry: Entry, command: Command.Command, state: ReplicatedState) => unknown

const cutoverBugs = {
  /** Nothing but the second line: what is administered passes the barrier, and lands in clear. */
  guardOff,
  /** `>=` where it is written: the marker is sealed like what follows it. */
  sealsMarkerItself: behindGuard(
    proposingMarker((propose, marker) => propose({ ...marker, toBeSealed: true }))
  ),
  /** `>=` where it is read. */
  readsMarkerAsSealed: reading(
    (payloadOf) =>
      function (entry, sidecar) {
        const isOwn = Command.isEnableRaftEnvelope(bodyOf(entry))
        const isSealed = sidecar.raftEnvelopeCutoverIndex === 0 && isOwn
        return payloadOf.call(this, isSealed ? opened(this, entry, bodyOf(entry)) : entry, sidecar)
      }
  ),
  /** A cutover index of 0 read as "everything is sealed". */
  zeroMeansAll: reading(
    (payloadOf) =>
      function (entry, sidecar) {
        const isNone = sidecar.raftEnvelopeCutoverIndex === 0
        return payloadOf.call(this, isNone ? opened(this, entry, bodyOf(entry)) : entry, sidecar)
      }
  ),
  unwrapsWholeEntry: reading(
    (payloadOf) =>
      function (entry, sidecar) {
        const { raftEnvelopeCutoverIndex: cutover } = sidecar
        const isSealed = cutover !== 0 && entry.index > cutover
        return payloadOf.call(this, isSealed ? opened(this, entry, entry.data) : entry, sidecar)
      }
  ),
  /** A node goes on behind entries that it cannot open. */
  skipsFailedEntry: swapped((name) => [
    swap(AppliedState, (applier) => {
      const reader = applier as unknown as { payloadOf: PayloadOf }
      const payloadOf = reader.payloadOf.bind(applier as unknown as ApplierParts)
      const skipped: Payload.Payload = { _tag: "ExpireSessions", sessions: [] }
      reader.payloadOf = (entry, sidecar) => {
        const { raftEnvelopeCutoverIndex: cutover } = sidecar
        const isUnreadable = name === "n2" && cutover !== 0 && entry.index > cutover + 4
        return isUnreadable ? skipped : payloadOf(entry, sidecar)
      }
      return applier
    })
  ]),
  flagUnsetAtStart: behindGuard(flagSetIf((_, { engine }) => engine !== undefined)),
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
    )
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
    )
  ),
  /** A marker of a DEK that was rotated away cuts over all the same. */
  staleMarkerCutsOver: patched<ApplyCommand & Method>(
    Applier,
    "applyCommand",
    (original) =>
      function (this: unknown, entry: Entry, command: Command.Command, state: ReplicatedState) {
        const { raft: raftKeyId } = state.sidecar.active
        const isMarker = command._tag === "EnableRaftEnvelope"
        return original.call(this, entry, isMarker ? { ...command, raftKeyId } : command, state)
      } as ApplyCommand & Method
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
  drainNotAwaited: behindGuard(barrierOf(() => ({ drained: Effect.void }))),
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
  /** A caller that goes away, or has waited long enough, opens the barrier behind it. */
  barrierOpensOnTimeOut: behindGuard(
    swapped(() => {
      const node: { barrier?: QuiescenceBarrier["Service"] } = {}
      return [
        swap(QuiescenceBarrier, (barrier) => {
          node.barrier = barrier
          return barrier
        }),
        swap(Cutover, (cutover) => ({
          ...cutover,
          enableRaftEnvelope: Effect.onExit(cutover.enableRaftEnvelope, (exit) =>
            Effect.sync(() => {
              if (Exit.isFailure(exit)) node.barrier?.open()
            })
          )
        }))
      ]
    })
  ),
  /** The marker waits for the barrier that waits for it. */
  barrierGatesMarker: swapped(() => {
    const node: { barrier?: QuiescenceBarrier["Service"] } = {}
    return [
      swap(QuiescenceBarrier, (barrier) => {
        node.barrier = barrier
        return barrier
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
  /** A marker that was cut off with the tail of the log counts for ever: nothing is taken in. */
  truncatedMarkerCounts: {
    ...patched(AppendGuard, "truncated", () => () => {}),
    isOfAvailability: true
  },
  /** Who gets a snapshot does not know that the log is sealed. */
  snapshotWithoutCutover: inState((store) => ({
    snapshot: Effect.map(store.snapshot, ({ reader }) => ({
      reader: {
        ...reader,
        get: (table, key) => {
          const value = reader.get(table, key)
          return table === "sidecar" && value !== undefined ? uncut(value) : value
        },
        range: (table, range) => {
          const rows = reader.range(table, range)
          return table === "sidecar"
            ? rows.map((row) => ({ ...row, value: uncut(row.value) }))
            : rows
        }
      }
    }))
  })),
  nonceCounterStuck: sealing(() => true),
  /** It begins anew whenever the node leads again. */
  nonceCounterReset: sealing(({ term }, writer) => {
    const isNew = termOf.get(writer) !== term
    termOf.set(writer, term)
    return isNew
  }),
  /** An epoch that is not on disk before it is used, and taken for that of the same opening. */
  epochNotDurable: swapped(() => [
    swap(LocalStore, (store) => ({
      ...store,
      write: (record) => store.write({ ...record, epochs: new Map() })
    })),
    swap(Opening, (opening) => ({
      ...opening,
      openingId: opening.incarnation as string as OpeningId
    }))
  ])
} satisfies Readonly<Record<string, Planted.Planted>>

function uncut(value: Uint8Array): Buffer {
  const sidecar = Result.getOrThrow(SidecarRecord.decodeRecord(groupId, Buffer.from(value)))
  return SidecarRecord.encodeRecord(groupId, plainSidecar(sidecar))
}

export const all: Readonly<Record<string, Planted.Planted>> = cutoverBugs
