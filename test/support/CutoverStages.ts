/**
 * The steps of a cutover at which a test can hold it (SPEC §12), and what must be so at each.
 *
 * A stage is prepared before the caller comes, is known to be reached by a condition, and goes on when
 * what it holds is released. Nothing here waits for time.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { Cutover } from "../../src/services/Cutover.ts"
import type { NodeSettings } from "../../src/services/NodeConfig.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { memoryNode } from "./MemoryNode.ts"
import { enableStorage, entriesOf, put, ready } from "./NodeCalls.ts"
import { Holds, isMarker, stagedNode } from "./StagedNode.ts"

export interface Stage {
  readonly name: string
  /** Holds the step, once the node is up. */
  readonly hold: (node: StagedNode) => void
  readonly isReached: (node: StagedNode) => boolean
  /** The marker may be in the log: only the release rule opens the barrier. */
  readonly mayBeInLog: boolean
  /** What the disk has when the power goes here, as the phase after the restart. */
  readonly phaseAfterCrash: 1 | 2
  readonly isDraining?: boolean
  /** Does the registration of this opening wait, so that the node must not wait for it? */
  readonly isUnregistered?: boolean
}

export const gate: Stage = {
  name: "at the capability gate",
  hold: ({ holds }) => holds.capability.close(),
  isReached: ({ holds }) => holds.capability.waitingCount > 0,
  mayBeInLog: false,
  phaseAfterCrash: 1
}

export const registration: Stage = {
  name: "waiting for the registration",
  hold: ({ holds }) => {
    holds.isHeld = ({ kind }) => kind === "registration"
    holds.beforeWrite.close()
  },
  isReached: ({ holds }) => holds.beforeWrite.waitingCount > 0,
  mayBeInLog: false,
  phaseAfterCrash: 1,
  isUnregistered: true
}

export const draining: Stage = {
  name: "draining",
  hold: ({ holds }) => {
    holds.isHeld = (entry) => entry.kind === "normal" && !isMarker(entry)
    holds.beforeWrite.close()
  },
  isReached: ({ state }) => state() === "Draining",
  mayBeInLog: false,
  phaseAfterCrash: 1,
  isDraining: true
}

export const proposed: Stage = {
  name: "with the marker proposed and not durable",
  hold: ({ holds }) => {
    holds.isHeld = isMarker
    holds.beforeWrite.close()
  },
  isReached: ({ holds, state }) => state() === "Appending" && holds.beforeWrite.waitingCount > 0,
  mayBeInLog: true,
  phaseAfterCrash: 1
}

export const durable: Stage = {
  name: "with the marker durable and not applied",
  hold: ({ holds }) => {
    holds.isHeld = isMarker
    holds.afterWrite.close()
  },
  isReached: ({ holds, state }) => state() === "Appending" && holds.afterWrite.waitingCount > 0,
  mayBeInLog: true,
  phaseAfterCrash: 2
}

export const stages = [gate, registration, draining, proposed, durable]

type Services = Layer.Success<ReturnType<typeof stagedNode>>

/** One opening of a node that a test can hold. */
export interface StagedNode {
  readonly disk: MemoryDisk
  readonly holds: Holds
  readonly context: Context.Context<Services>
  readonly scope: Scope.Closeable
  /** Where the cutover is. */
  readonly state: () => string
  /** Is there still somebody to be told what becomes of the marker? */
  readonly isAwaited: () => boolean
}

/** A disk in phase 1, closed. */
export const phase1 = Effect.gen(function* () {
  const disk = new MemoryDisk()
  const setUp = Effect.gen(function* () {
    yield* ready
    yield* enableStorage
    yield* Effect.flatMap(RaftEngine, (engine) => engine.sealingReady)
    yield* put("old", "0")
  })
  yield* Effect.provide(setUp, memoryNode({ disk }))
  return disk
})

/** Opens a node whose cutover will be held at the stage; it leads. */
export const open = Effect.fnUntraced(function* (
  disk: MemoryDisk,
  stage: Stage,
  settings: Partial<NodeSettings> = {}
) {
  const holds = new Holds()
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) =>
    Effect.andThen(
      Effect.sync(() => holds.release()),
      Scope.close(scope, Exit.void)
    )
  )
  const early = { disk, holds, state: () => "Idle" } as StagedNode
  if (stage.isUnregistered === true) stage.hold(early)
  const context = yield* Layer.buildWithScope(stagedNode({ disk, holds, seed: 2, settings }), scope)
  const cutover = yield* Effect.provideContext(Cutover, context)
  const node: StagedNode = {
    disk,
    holds,
    context,
    scope,
    state: () => cutover.state()._tag,
    isAwaited: () => {
      const state = cutover.state()
      return "isAwaited" in state && state.isAwaited
    }
  }
  yield* Effect.provideContext(ready, context)
  if (stage.isUnregistered === true) return node
  yield* Effect.provideContext(
    Effect.flatMap(RaftEngine, (engine) => engine.sealingReady),
    context
  )
  stage.hold(node)
  return node
})

/** Waits until the caller stands at the stage. */
export const reached = (stage: Stage, node: StagedNode) =>
  Effect.repeat(Effect.yieldNow, { while: () => !stage.isReached(node) })

/** Where the markers are in the log. */
export const markerIndexes = Effect.map(entriesOf, (entries) =>
  entries.filter(isMarker).map(({ index }) => index)
)

export const isShut = Effect.map(QuiescenceBarrier, (barrier) => barrier.state().isClosed)
