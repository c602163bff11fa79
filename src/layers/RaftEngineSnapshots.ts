/**
 * Snapshots at the engine: one is sent beside the loop, taken in beside the loop, and installed by the
 * loop, between two runs of applied entries (SPEC §13, §16).
 *
 * What must never happen: a core that takes a snapshot for installed whose content is not durable; an
 * entry applied above a snapshot before its keys, its cutover index and the wrap flag are in place; a
 * state removed that the core is about to install. Proof: `test/simulation/Simulation.test.ts`.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import { EncryptionApplyFailed } from "../domain/encryption/Errors.ts"
import type { NodeStopped, TooManyProposals } from "../domain/engine/Errors.ts"
import { invariant } from "../domain/Invariant.ts"
import type { HardState } from "../domain/raft/HardState.ts"
import type { InstallSnapshot } from "../domain/raft/Message.ts"
import type { Snapshot } from "../domain/raft/Snapshot.ts"
import { Applier } from "../services/Applier.ts"
import { Keystore } from "../services/Keystore.ts"
import { Opening } from "../services/Opening.ts"
import { RaftLogStore } from "../services/RaftLogStore.ts"
import { StateStore } from "../services/StateStore.ts"
import { Telemetry } from "../services/Telemetry.ts"
import { type Receiver, Transport } from "../services/Transport.ts"
import type { RaftEngineDriver } from "./RaftEngineDriver.ts"
import type { Input, Question } from "./RaftEngineInput.ts"
import * as SnapshotInstall from "./SnapshotInstall.ts"
import * as SnapshotSource from "./SnapshotSource.ts"

/** Sends one in a fibre of its own; how it ended comes as an input, in any case. */
export const makeSend = Effect.fnUntraced(function* (offer: (input: Input) => Effect.Effect<void>) {
  const { groupId } = yield* Opening
  const store = yield* StateStore
  const transport = yield* Transport
  const { report } = yield* Telemetry
  const underWay = yield* FiberSet.make<void>()
  const fork = yield* FiberSet.runtime(underWay)<never>()

  const sent = (message: InstallSnapshot) =>
    Effect.gen(function* () {
      // As new as can be: a member that has just joined refuses a state that does not know it.
      yield* store.flush
      const source = yield* SnapshotSource.open(groupId)
      invariant(source !== undefined, "a snapshot that the core was told of is there")
      const { bytes, snapshot } = source
      yield* transport.sendSnapshot({ ...message, snapshot }, bytes)
      return snapshot.index
    }).pipe(Effect.provideService(StateStore, store), Effect.scoped)

  return (message: InstallSnapshot): void => {
    const { to: peer } = message
    const ended = Effect.matchCauseEffect(sent(message), {
      onSuccess: (index) => {
        report({ _tag: "SnapshotSent", peer, index })
        return offer({ _tag: "SnapshotEnded", peer, outcome: "delivered" })
      },
      // A bug too: the member would be left behind as long as this node leads.
      onFailure: (cause) => {
        report({ _tag: "SnapshotNotSent", peer, reason: reasonOf(cause) })
        return offer({ _tag: "SnapshotEnded", peer, outcome: "failed" })
      }
    })
    fork(ended)
  }
})

const reasonOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}

type Ask = <A, E>(
  input: (resume: (answer: Effect.Effect<A, E | TooManyProposals>) => void) => Question
) => Effect.Effect<A, E | TooManyProposals>

/**
 * Takes in what a leader sends. Once the snapshot is handed to the loop this waits for it, whatever ends
 * the connection: with the scope the state that is to be installed would go.
 */
export const makeReceive = Effect.fnUntraced(function* (driver: RaftEngineDriver, ask: Ask) {
  const { clusterId, groupId } = yield* Opening
  const store = yield* StateStore
  const { report } = yield* Telemetry
  const taken: NonNullable<Receiver["snapshot"]> = (message, bytes) =>
    Effect.gen(function* () {
      if (driver.holds(message.snapshot.index)) return
      const received = yield* SnapshotInstall.receive({ groupId, clusterId }, bytes)
      const { ceiling: index, term } = received.of
      const membership = received.state.members.configuration
      const announced = { ...message, snapshot: { index, term, membership } }
      yield* Effect.uninterruptible(
        ask<void, NodeStopped>((resume) => ({
          _tag: "SnapshotArrived",
          message: announced,
          received,
          resume
        }))
      )
    }).pipe(
      Effect.tapError(({ message: reason }) =>
        Effect.sync(() => report({ _tag: "SnapshotNotInstalled", peer: message.from, reason }))
      ),
      Effect.provideService(StateStore, store),
      Effect.scoped
    )
  return taken
})

/** Installs what the core has taken over: first the keys, then the log and the state, then the rest. */
export const makeInstall = Effect.fnUntraced(function* (driver: RaftEngineDriver) {
  const applier = yield* Applier
  const keystore = yield* Keystore
  const log = yield* RaftLogStore
  const store = yield* StateStore
  const { groupId } = yield* Opening
  return Effect.fnUntraced(function* ({ index, term }: Snapshot, hardState: HardState) {
    const received = driver.arrivedAt(index)
    invariant(received !== undefined, "the core knows of no snapshot but those that arrived")
    const { keys } = received.state.sidecar
    // A node without a KEK is one of a cluster that encrypts nothing.
    yield* Effect.mapError(
      keys.length === 0 ? Effect.void : keystore.unwrap(keys),
      ({ message: reason }) => new EncryptionApplyFailed({ groupId, index, term, reason })
    )
    yield* SnapshotInstall.install(received, hardState).pipe(
      Effect.provideService(RaftLogStore, log),
      Effect.provideService(StateStore, store),
      Effect.andThen(
        Effect.sync(() => {
          applier.restore(received.state)
          driver.installed(index)
        })
      ),
      Effect.uninterruptible
    )
  })
})
