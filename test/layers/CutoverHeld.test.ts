/**
 * The cutover program before an engine that does only what a test says: all that a cluster can do to
 * a marker, at each step, and who is told what (SPEC §12).
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import type { AppliedOutcome } from "../../src/domain/apply/Outcome.ts"
import { CutoverInFlight } from "../../src/domain/encryption/Errors.ts"
import * as Sidecar from "../../src/domain/encryption/SidecarState.ts"
import * as WriterRegistry from "../../src/domain/encryption/WriterRegistry.ts"
import { NodeStopped, NotLeader, TooManyProposals } from "../../src/domain/engine/Errors.ts"
import type { ProposalEvent } from "../../src/domain/engine/PendingProposals.ts"
import type {
  ClusterId,
  GroupId,
  KeyId,
  LogIndex,
  NodeName,
  Revision,
  Term
} from "../../src/domain/Ids.ts"
import * as Members from "../../src/domain/members/Members.ts"
import * as AdministrationTurnLive from "../../src/layers/AdministrationTurnLive.ts"
import * as CutoverLive from "../../src/layers/CutoverLive.ts"
import * as FreeSpaceMemory from "../../src/layers/FreeSpaceMemory.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as QuiescenceBarrierLive from "../../src/layers/QuiescenceBarrierLive.ts"
import * as TelemetryLive from "../../src/layers/TelemetryLive.ts"
import * as WrapFlagLive from "../../src/layers/WrapFlagLive.ts"
import { Applier } from "../../src/services/Applier.ts"
import { CapabilityGate } from "../../src/services/CapabilityGate.ts"
import { Cutover } from "../../src/services/Cutover.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import type { ProposeRejection } from "../../src/services/RaftEngine.ts"
import { WrapFlag } from "../../src/services/WrapFlag.ts"
import { HeldEngine, type HeldProposal } from "../support/HeldEngine.ts"
import { cutOver } from "../support/NodeCalls.ts"

const term = 1 as Term
const phase1: Sidecar.SidecarState = {
  ...Sidecar.initial("00".repeat(16) as ClusterId),
  active: { storage: 5 as KeyId, raft: 7 as KeyId },
  storageEnvelopeIndex: 4 as LogIndex
}
const unasked = (): never => {
  throw new Error("the cutover reads only the sidecar")
}
const applier = {
  position: { term, index: 4 as LogIndex },
  revision: 0 as Revision,
  sidecar: phase1,
  registry: WriterRegistry.empty,
  members: Members.empty,
  restore: () => unasked(),
  read: unasked,
  apply: unasked
}
const applied: AppliedOutcome = { _tag: "Encryption", outcome: { _tag: "Applied" } }
const stale: AppliedOutcome = { _tag: "Encryption", outcome: { _tag: "Stale" } }

const makeHeld = () => {
  const engine = new HeldEngine()
  engine.markerCounts = false
  const named = { nodeName: "n1" as NodeName, groupId: 0 as GroupId }
  const space = FreeSpaceMemory.layer({ disk: new MemoryDisk() })
  const layer = CutoverLive.layer.pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        engine.layer,
        Layer.mock(Applier, applier),
        Layer.mock(CapabilityGate, { check: Effect.void }),
        Layer.provideMerge(
          Layer.mergeAll(space, AdministrationTurnLive.layer),
          NodeConfigLive.layer()
        ),
        QuiescenceBarrierLive.layer,
        WrapFlagLive.layer,
        TelemetryLive.layer(named)
      )
    ),
    Layer.provide(Logger.layer([]))
  )
  return { engine, layer }
}

const now = { startImmediately: true }

/** A caller whose marker the engine holds. */
const withMarker = <A, E>(
  body: (held: {
    readonly engine: HeldEngine
    readonly caller: Fiber.Fiber<unknown, { readonly _tag: string }>
    readonly marker: HeldProposal
  }) => Effect.Effect<A, E, Cutover | QuiescenceBarrier | WrapFlag>
) =>
  Effect.suspend(() => {
    const { engine, layer } = makeHeld()
    const program = Effect.gen(function* () {
      const caller = yield* Effect.forkChild(cutOver, now)
      const marker = yield* engine.proposal(1)
      yield* assertShut
      return yield* body({ engine, caller, marker })
    })
    return Effect.provide(program, layer)
  })

const assertShut = Effect.gen(function* () {
  expect((yield* QuiescenceBarrier).state().isClosed).toBe(true)
  expect(yield* Effect.flip(cutOver)).toMatchObject({ _tag: "CutoverInFlight" })
})

const assertOpen = (isFlagSet: boolean) =>
  Effect.gen(function* () {
    expect((yield* QuiescenceBarrier).state().isClosed).toBe(false)
    expect((yield* WrapFlag).isSet()).toBe(isFlagSet)
    expect((yield* Cutover).state()).toEqual({ _tag: "Idle" })
  })

const tell = ({ proposal }: HeldProposal, event: ProposalEvent) => proposal.onEvent(event)

/** The marker on its way to the disk, and in the log. */
const steps: ReadonlyArray<readonly [string, (marker: HeldProposal) => Effect.Effect<void>]> = [
  ["proposed", () => Effect.void],
  [
    "in the log",
    (marker) =>
      Effect.andThen(
        Effect.sync(() => marker.appended()),
        Effect.yieldNow
      )
  ]
]

describe("the marker, told by an engine", () => {
  for (const [step, take] of steps) {
    it.effect(`${step}: applied, the flag is set before the barrier opens`, () =>
      withMarker(({ caller, marker }) =>
        Effect.gen(function* () {
          yield* take(marker)
          const barrier = yield* QuiescenceBarrier
          const wrapFlag = yield* WrapFlag
          const flagAtOpening = yield* Effect.forkChild(
            Effect.map(barrier.opened, () => wrapFlag.isSet()),
            now
          )
          marker.applied(applied)
          expect(yield* Fiber.join(flagAtOpening)).toBe(true)
          expect(yield* Fiber.join(caller)).toMatchObject({ cutoverIndex: marker.position.index })
          yield* assertOpen(true)
        })
      )
    )

    it.effect(`${step}: applied as stale, the flag stays as it was: RaftDekChanged`, () =>
      withMarker(({ caller, marker }) =>
        Effect.gen(function* () {
          yield* take(marker)
          marker.applied(stale)
          expect(yield* Effect.flip(Fiber.join(caller))).toMatchObject({ _tag: "RaftDekChanged" })
          yield* assertOpen(false)
        })
      )
    )

    it.effect(
      `${step}: the term is left, the outcome is unknown, and a late apply is no news`,
      () =>
        withMarker(({ caller, marker }) =>
          Effect.gen(function* () {
            yield* take(marker)
            tell(marker, { _tag: "TermLeft" })
            const told = yield* Effect.flip(Fiber.join(caller))
            expect(told).toMatchObject({ _tag: "CutoverOutcomeUnknown" })
            yield* assertOpen(false)
            marker.applied(applied)
            yield* assertOpen(false)
          })
        )
    )

    it.effect(`${step}: the caller leaves, and only the term opens the barrier`, () =>
      withMarker(({ caller, marker }) =>
        Effect.gen(function* () {
          yield* take(marker)
          yield* Fiber.interrupt(caller)
          yield* assertShut
          yield* TestClock.adjust("1 hour")
          yield* assertShut
          tell(marker, { _tag: "TermLeft" })
          yield* assertOpen(false)
        })
      )
    )

    it.effect(`${step}: the caller's time is over, and the marker applied as stale later`, () =>
      withMarker(({ caller, marker }) =>
        Effect.gen(function* () {
          yield* take(marker)
          yield* TestClock.adjust(NodeConfigLive.defaults.cutoverTimeoutMillis)
          const told = yield* Effect.flip(Fiber.join(caller))
          expect(told).toMatchObject({ _tag: "CutoverOutcomeUnknown" })
          yield* assertShut
          marker.applied(stale)
          yield* assertOpen(false)
        })
      )
    )

    it.effect(`${step}: the caller is interrupted in the turn in which it would be answered`, () =>
      withMarker(({ caller, marker }) =>
        Effect.gen(function* () {
          yield* take(marker)
          marker.applied(applied)
          yield* Fiber.interrupt(caller)
          yield* assertOpen(true)
        })
      )
    )
  }

  const refusals: ReadonlyArray<ProposeRejection> = [
    new NotLeader({ leader: 2 }),
    new TooManyProposals({ pendingCount: 1, pendingBytes: 1 }),
    new CutoverInFlight({})
  ]
  for (const refusal of refusals) {
    it.effect(`refused with ${refusal._tag}: the barrier opens and the caller is told that`, () =>
      withMarker(({ caller, engine, marker }) =>
        Effect.gen(function* () {
          marker.appended(refusal)
          expect(yield* Effect.flip(Fiber.join(caller))).toEqual(refusal)
          yield* assertOpen(false)
          const again = yield* Effect.forkChild(cutOver, now)
          const second = yield* engine.proposal(2)
          second.applied(applied)
          expect(Exit.isSuccess(yield* Fiber.await(again))).toBe(true)
          yield* assertOpen(true)
        })
      )
    )
  }

  it.effect("a node that stops with the marker in hand: the outcome is unknown", () =>
    withMarker(({ caller, engine, marker }) =>
      Effect.gen(function* () {
        const reason = new NodeStopped({ reason: "a test" })
        engine.intake = { _tag: "Shut", reason }
        marker.appended(reason)
        const told = yield* Effect.flip(Fiber.join(caller))
        expect(told).toMatchObject({ _tag: "CutoverOutcomeUnknown" })
        yield* assertOpen(false)
      })
    )
  )
})

describe("the drain, before an engine", () => {
  const drainedWith = (intake: HeldEngine["intake"]) => {
    const { engine, layer } = makeHeld()
    return Effect.gen(function* () {
      const barrier = yield* QuiescenceBarrier
      barrier.admit({ source: "user", term })
      const caller = yield* Effect.forkChild(cutOver, now)
      yield* assertShut
      engine.intake = intake
      barrier.enterTerm(2 as Term)
      const told = yield* Effect.flip(Fiber.join(caller))
      expect(engine.held).toHaveLength(0)
      yield* assertOpen(false)
      return told
    }).pipe(Effect.provide(layer))
  }

  it.effect("a node that has stopped meanwhile is said to have: nothing was proposed", () =>
    Effect.gen(function* () {
      const reason = new NodeStopped({ reason: "a test" })
      expect(yield* drainedWith({ _tag: "Shut", reason })).toEqual(reason)
    })
  )

  it.effect("a node that leads again in a later term proposes nothing for the earlier one", () =>
    Effect.gen(function* () {
      const told = yield* drainedWith({ _tag: "Open", term: 2 as Term })
      expect(told).toEqual(new NotLeader({ leader: undefined }))
    })
  )

  it.effect("a node that leads no longer says so, and proposes nothing", () =>
    Effect.gen(function* () {
      const reason = new NotLeader({ leader: 2 })
      expect(yield* drainedWith({ _tag: "Shut", reason })).toEqual(reason)
    })
  )
})
