/** What became of each user request, as counted: one fate each, in every way a request can end. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { CutoverInFlight } from "../../src/domain/encryption/Errors.ts"
import {
  LeaderNotReady,
  NodeStopped,
  NotLeader,
  TooManyProposals
} from "../../src/domain/engine/Errors.ts"
import type { LogIndex } from "../../src/domain/Ids.ts"
import { Counters } from "../../src/domain/telemetry/Counters.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import type { Intake, ProposeRejection } from "../../src/services/RaftEngine.ts"
import { Telemetry } from "../../src/services/Telemetry.ts"
import { start } from "../support/Fibers.ts"
import { coordinatorOver, echoed, HeldEngine, propose } from "../support/HeldEngine.ts"

interface World {
  readonly engine: HeldEngine
  readonly disk: { freeBytes: number }
}

const coordinator = ({ disk, engine }: World) =>
  coordinatorOver(engine, { disk, settings: { pendingCountMax: 2 } })

type Needed = Layer.Success<ReturnType<typeof coordinator>>

/** The requests `a` (in a batch that is held), `b` and `c` (waiting) are on their way. */
const begun = (world: World) =>
  Effect.gen(function* () {
    const { engine } = world
    const a = yield* start(propose("a"))
    const held = yield* engine.proposal(1)
    return { a, b: yield* start(propose("b")), c: yield* start(propose("c")), held, ...world }
  })

type Begun = Effect.Success<ReturnType<typeof begun>>

const finish = ({ a, held }: Pick<Begun, "a" | "held">) =>
  Effect.andThen(
    Effect.sync(() => {
      held.appended()
      held.applied(echoed(held))
    }),
    Fiber.join(a)
  )

const shut =
  (reason: (Intake & { readonly _tag: "Shut" })["reason"]) =>
  ({ engine }: Begun) => {
    engine.intake = { _tag: "Shut", reason }
    return Effect.flip(propose("d"))
  }
const rejected =
  (rejection: ProposeRejection) =>
  ({ a, held }: Begun) => {
    held.appended(rejection)
    return Effect.flip(Fiber.join(a))
  }

interface Expected extends Partial<Counters["proposals"]> {
  readonly refusals?: Partial<Counters["refusals"]>
  readonly timeouts?: number
  readonly batches?: number
}

interface Case {
  readonly name: string
  readonly when: (begun: Begun) => Effect.Effect<unknown, unknown, Needed>
  readonly counts: Expected
}

const cases: ReadonlyArray<Case> = [
  { name: "applied", when: finish, counts: { applied: 1, batches: 1 } },
  {
    name: "applied, although its caller is gone",
    when: (begun) =>
      Effect.gen(function* () {
        yield* Fiber.interrupt(begun.a)
        begun.held.appended()
        begun.held.applied(echoed(begun.held))
        yield* Effect.yieldNow
      }),
    counts: { applied: 1, batches: 1 }
  },
  {
    name: "withdrawn",
    when: ({ b }) => Fiber.interrupt(b),
    counts: { withdrawn: 1 }
  },
  {
    name: "superseded",
    when: ({ a, held }) => {
      held.proposal.onEvent({ _tag: "Superseded", index: 1 as LogIndex })
      return Effect.flip(Fiber.join(a))
    },
    counts: { superseded: 1 }
  },
  {
    name: "stopped",
    when: ({ a, held }) => {
      held.proposal.onEvent({ _tag: "Stopped", reason: "test" })
      return Effect.flip(Fiber.join(a))
    },
    counts: { stopped: 1 }
  },
  {
    name: "stopped while it was appended: nobody knows",
    when: rejected(new NodeStopped({ reason: "test" })),
    counts: { stopped: 1 }
  },
  {
    name: "given up by its callers, and those that wait withdrawn",
    when: ({ a }) => Effect.andThen(TestClock.adjust("10 seconds"), Effect.flip(Fiber.join(a))),
    counts: { withdrawn: 2, timeouts: 3 }
  },
  {
    name: "refused: too much waits",
    when: () => Effect.flip(propose("d")),
    counts: { refused: 1, refusals: { TooManyProposals: 1 } }
  },
  {
    name: "refused: not the leader",
    when: shut(new NotLeader({ leader: undefined })),
    counts: { refused: 1, refusals: { NotLeader: 1 } }
  },
  {
    name: "refused: the leader is not ready",
    when: shut(new LeaderNotReady({ awaits: "noop" })),
    counts: { refused: 1, refusals: { LeaderNotReady: 1 } }
  },
  {
    name: "refused: the node had stopped before",
    when: shut(new NodeStopped({ reason: "test" })),
    counts: { refused: 1, refusals: { NodeStopped: 1 } }
  },
  {
    name: "refused: a cutover is under way",
    when: ({ b, c }) =>
      Effect.gen(function* () {
        yield* Fiber.interrupt(b)
        yield* Fiber.interrupt(c)
        ;(yield* QuiescenceBarrier).close()
        yield* Effect.flip(propose("d"))
      }),
    counts: { refused: 1, withdrawn: 2, refusals: { CutoverInFlight: 1 } }
  },
  {
    name: "refused: space is low",
    when: ({ b, disk }) =>
      Effect.andThen(
        Fiber.interrupt(b),
        Effect.suspend(() => {
          disk.freeBytes = NodeConfigLive.defaults.freeBytesMin - 1
          return Effect.flip(propose("d"))
        })
      ),
    counts: { refused: 1, withdrawn: 1, refusals: { SpaceLow: 1 } }
  },
  {
    name: "refused at append, by the guard",
    when: rejected(new CutoverInFlight({})),
    counts: { refused: 1, refusals: { CutoverInFlight: 1 } }
  },
  {
    name: "refused at append, as a whole batch",
    when: (begun) =>
      Effect.gen(function* () {
        yield* finish(begun)
        const two = yield* begun.engine.proposal(2)
        two.appended(new TooManyProposals({ pendingCount: 1, pendingBytes: 1 }))
        yield* Effect.flip(Fiber.join(begun.b))
      }),
    counts: { applied: 1, refused: 2, refusals: { TooManyProposals: 2 }, batches: 1 }
  }
]

describe("a user request is counted as", () => {
  it.effect.each(cases)("$name", ({ counts, when }) => {
    const world = { engine: new HeldEngine(), disk: { freeBytes: 2 ** 40 } }
    return Effect.gen(function* () {
      yield* when(yield* begun(world))
      const { counters } = yield* Telemetry
      const none = new Counters()
      const { batches = 0, refusals, timeouts = 0, ...fates } = counts
      expect(counters.proposals).toEqual({ ...none.proposals, ...fates })
      expect(counters.refusals).toEqual({ ...none.refusals, ...refusals })
      expect(counters.proposalTimeouts).toBe(timeouts)
      expect(counters.batchRequests.state().count).toBe(batches)
    }).pipe(Effect.provide(coordinator(world)))
  })
})
