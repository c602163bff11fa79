/** An engine that answers nothing by itself: a test holds every proposal and says what becomes of it. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { AppliedOutcome } from "../../src/domain/apply/Outcome.ts"
import type { GroupId, LogIndex, NodeName, Term } from "../../src/domain/Ids.ts"
import * as Payload from "../../src/domain/log/Payload.ts"
import type { Position } from "../../src/domain/raft/Position.ts"
import * as CoordinatorLive from "../../src/layers/CoordinatorLive.ts"
import * as FreeSpaceMemory from "../../src/layers/FreeSpaceMemory.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as QuiescenceBarrierLive from "../../src/layers/QuiescenceBarrierLive.ts"
import * as TelemetryLive from "../../src/layers/TelemetryLive.ts"
import * as WrapFlagLive from "../../src/layers/WrapFlagLive.ts"
import { Coordinator } from "../../src/services/Coordinator.ts"
import type { NodeSettings } from "../../src/services/NodeConfig.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import {
  type Intake,
  type Proposal,
  type ProposeRejection,
  RaftEngine
} from "../../src/services/RaftEngine.ts"

export interface HeldProposal {
  readonly proposal: Proposal
  readonly position: Position
  /** Its append is durable, or was rejected. */
  readonly appended: (answer?: ProposeRejection) => void
  /** Its entry is applied. */
  readonly applied: (outcome: AppliedOutcome) => void
}

const unasked = (): never => {
  throw new Error("this part asks an engine only for its intake")
}

export class HeldEngine {
  intake: Intake = { _tag: "Open", term: 1 as Term }
  /** What a cutover asks as well; `undefined` for tests in which nobody does. */
  markerCounts: boolean | undefined = undefined
  readonly held: Array<HeldProposal> = []

  get layer() {
    return Layer.mock(RaftEngine, {
      intake: () => this.intake,
      propose: (proposal) =>
        Effect.callback<Position, ProposeRejection>((resume) => {
          const position = { index: (this.held.length + 1) as LogIndex, term: proposal.term }
          this.held.push({
            proposal,
            position,
            appended: (rejection) =>
              resume(rejection === undefined ? Effect.succeed(position) : Effect.fail(rejection)),
            applied: (outcome) => proposal.onEvent({ _tag: "Applied", position, outcome })
          })
        }),
      markerCounts: () => this.markerCounts ?? unasked(),
      isMembershipPending: () => unasked(),
      sealingReady: Effect.void,
      status: () => unasked(),
      isRemoved: () => unasked(),
      candidacyRenounced: () => unasked()
    })
  }

  /** Waits until so many proposals have come, and answers the last of them. */
  proposal(count: number): Effect.Effect<HeldProposal> {
    const { held } = this
    return Effect.gen(function* () {
      while (held.length < count) yield* Effect.yieldNow
      return held[count - 1]!
    })
  }
}

/** The requests in a proposal that is not sealed, as text. */
export const requestsOf = ({ proposal }: HeldProposal): ReadonlyArray<string> => {
  const payload = Payload.decode(proposal.body)
  if (payload._tag === "Failure" || payload.success._tag !== "Requests") return []
  return payload.success.requests.map(({ content }) => Buffer.from(content).toString())
}

/** Answers each request with itself, in capitals. */
export const echoed = (held: HeldProposal): AppliedOutcome => ({
  _tag: "Results",
  results: requestsOf(held).map((request) => Buffer.from(request.toUpperCase()))
})

/** A coordinator over an engine that the test answers for, on a disk that has room unless it is given. */
export const coordinatorOver = (
  engine: HeldEngine,
  options: {
    readonly disk?: { freeBytes: number }
    readonly settings?: Partial<NodeSettings> | undefined
  } = {}
) =>
  CoordinatorLive.layer.pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        engine.layer,
        QuiescenceBarrierLive.layer,
        WrapFlagLive.layer,
        TelemetryLive.layer({ nodeName: "n1" as NodeName, groupId: 0 as GroupId }),
        FreeSpaceMemory.layer({ disk: options.disk ?? new MemoryDisk() })
      )
    ),
    Layer.provideMerge(NodeConfigLive.layer(options.settings))
  )

/** Answers with what the machine answered, as text. */
export const propose = (request: string) =>
  Effect.flatMap(Coordinator, (service) => service.propose(Buffer.from(request))).pipe(
    Effect.map((result) => Buffer.from(result).toString())
  )

export const inflightCount = Effect.map(
  QuiescenceBarrier,
  (barrier) => barrier.state().inflightCount
)
