/**
 * The engine: one fibre that loops over the rounds of `RaftEngineRound`, one bounded inbox, and how it
 * begins and ends (SPEC §9–§13).
 *
 * Everything that takes time, waits or may fail in the world is here and in the round; what is decided
 * is in `RaftEngineDriver`. What must never happen: somebody who waits and is told nothing. No promise,
 * timer, clock or randomness but through a service, so that a simulated scheduler can run it.
 * Proof: `test/layers/RaftEngine.test.ts`, `test/simulation/`.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type { RegistrationOutcome } from "../domain/apply/Outcome.ts"
import * as SidecarState from "../domain/encryption/SidecarState.ts"
import type { WriterIdentity } from "../domain/encryption/WriterIdentity.ts"
import { TooManyProposals } from "../domain/engine/Errors.ts"
import type { LogIndex, Term } from "../domain/Ids.ts"
import * as Limits from "../domain/Limits.ts"
import type { Message } from "../domain/raft/Message.ts"
import * as Position from "../domain/raft/Position.ts"
import type { Raft } from "../domain/raft/Raft.ts"
import * as DurableSnapshot from "../domain/snapshot/DurableSnapshot.ts"
import type { Counters } from "../domain/telemetry/Counters.ts"
import { version } from "../domain/Version.ts"
import { Applier } from "../services/Applier.ts"
import { Csprng } from "../services/Csprng.ts"
import type { EngineFailure } from "../services/EngineFailure.ts"
import { Keystore } from "../services/Keystore.ts"
import { LogCompaction } from "../services/LogCompaction.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { Opening } from "../services/Opening.ts"
import { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import { RaftCore } from "../services/RaftCore.ts"
import {
  type ChangeMembershipFailure,
  type MembershipApplied,
  type ProposeRejection,
  RaftEngine,
  type RegisterWriterFailure,
  type TransferFailure
} from "../services/RaftEngine.ts"
import { RaftLogStore } from "../services/RaftLogStore.ts"
import { StateStore } from "../services/StateStore.ts"
import { Telemetry } from "../services/Telemetry.ts"
import { type Receiver, Transport } from "../services/Transport.ts"
import { RaftEngineDriver } from "./RaftEngineDriver.ts"
import { RaftEngineInHand } from "./RaftEngineInHand.ts"
import type { Input, Question, RegisterWriterResume } from "./RaftEngineInput.ts"
import { makeRound } from "./RaftEngineRound.ts"
import * as Snapshots from "./RaftEngineSnapshots.ts"
import { attempt } from "./SynchronousFailure.ts"

const scanBytesMax = Limits.mebibyte

const make = Effect.gen(function* () {
  const { tickMillis, inboxCountMax } = yield* NodeConfig
  const { counters, depths, report } = yield* Telemetry
  const inbox = yield* Queue.dropping<Input>(inboxCountMax)
  const inHand = new RaftEngineInHand()
  const transport = yield* Transport
  const failure = yield* Deferred.make<never, EngineFailure>()
  const raft = yield* makeCore
  const driver = yield* makeDriver(raft)
  depths.inboxCount = () => Queue.sizeUnsafe(inbox)
  yield* reportOpened(raft)

  const onExit = (exit: Exit.Exit<never, EngineFailure>) =>
    Effect.gen(function* () {
      const isShutDown = exit._tag === "Success" || Cause.hasInterruptsOnly(exit.cause)
      report(isShutDown ? { _tag: "Stopping" } : halted(exit.cause))
      driver.stop(isShutDown ? "it is shutting down" : messageOf(exit.cause))
      for (const input of inHand.giveUp()) driver.refuse(input)
      for (const input of yield* Queue.clear(inbox)) driver.refuse(input)
      if (!isShutDown) yield* Deferred.failCause(failure, exit.cause)
    })
  /** Waits for the driver's answer, which comes in any case once the input is in the inbox. */
  const ask = <A, E>(
    input: (resume: (answer: Effect.Effect<A, E | TooManyProposals>) => void) => Question
  ) =>
    Effect.callback<A, E | TooManyProposals>((resume) => {
      const asked = input(resume)
      if (driver.isStopped) driver.refuse(asked)
      else if (!Queue.offerUnsafe(inbox, asked)) {
        resume(Effect.fail(new TooManyProposals({ pendingCount: inboxCountMax, pendingBytes: 0 })))
      }
    })
  /** For what must not be lost; there is room again after some rounds. */
  const offer = (input: Input): Effect.Effect<void> =>
    Effect.suspend(() =>
      driver.isStopped || Queue.offerUnsafe(inbox, input)
        ? Effect.void
        : Effect.andThen(Effect.sleep(tickMillis), offer(input))
    )
  const snapshot = yield* Snapshots.makeReceive(driver, ask)
  transport.attach({ ...makeReceiver({ driver, inbox, counters }), snapshot })
  driver.writer.judgeCandidacy()
  driver.members.begin()
  const sendSnapshot = yield* Snapshots.makeSend(offer)
  const round = yield* makeRound({ raft, driver, inbox, inHand, sendSnapshot })
  const { failed: stateFailed } = yield* StateStore
  const { failed: compactionFailed } = yield* LogCompaction
  const failed = Effect.raceFirst(stateFailed, compactionFailed)
  const loop = Effect.raceFirst(Effect.forever(round), failed)
  yield* Effect.forkScoped(Effect.exit(Effect.onExit(loop, onExit)))
  yield* Effect.forkScoped(ticking(inbox, tickMillis))

  return RaftEngine.of({
    intake: () => driver.intake(),
    propose: (proposal) =>
      ask<Position.Position, ProposeRejection>((resume) => ({ _tag: "Propose", proposal, resume })),
    readIndex: ask((resume) => ({ _tag: "Read", resume })),
    changeMembership: (change, term) =>
      ask<MembershipApplied, ChangeMembershipFailure>((resume) => ({
        _tag: "ChangeMembership",
        change,
        term,
        resume
      })),
    registerWriter: (writer, term) =>
      ask<RegistrationOutcome, RegisterWriterFailure>(registering(writer, term)),
    transferLeadership: (to) =>
      ask<void, TransferFailure>((resume) => ({ _tag: "Transfer", to, resume })),
    sealingReady: ask((resume) => ({ _tag: "AwaitSealing", resume })),
    isMembershipPending: () => raft.isMembershipPending,
    markerCounts: () => driver.guard.markerCounts,
    status: () => raft.status(),
    isRemoved: () => driver.members.isRemoved,
    candidacyRenounced: () => driver.writer.renounced,
    stopped: Deferred.await(failure)
  })
})

const registering =
  (writer: WriterIdentity, term: Term) =>
  (resume: RegisterWriterResume): Question => ({ _tag: "RegisterWriter", writer, term, resume })

/** A tick is lost if there is no room for it: time goes on. */
const ticking = (inbox: Queue.Queue<Input>, tickMillis: number) => {
  const tick = Effect.sync(() => Queue.offerUnsafe(inbox, { _tag: "Tick" }))
  return Effect.forever(Effect.andThen(Effect.sleep(tickMillis), tick))
}

/** What peers send waits in the inbox, as far as there is room. */
const makeReceiver = (parts: {
  readonly driver: RaftEngineDriver
  readonly inbox: Queue.Queue<Input>
  readonly counters: Counters
}): Receiver => {
  const { counters, driver, inbox } = parts
  const isTaken = (message: Message) => {
    if (!driver.received.room.admit(message)) return false
    if (Queue.offerUnsafe(inbox, { _tag: "Receive", message })) return true
    driver.received.room.taken(message)
    return false
  }
  return {
    message: (message) => {
      if (!driver.isStopped && !isTaken(message)) counters.receivedMessages.dropped += 1
    },
    unreachable: (peer) => void Queue.offerUnsafe(inbox, { _tag: "Unreachable", peer })
  }
}

/** Every guard of the node has passed. */
const reportOpened = Effect.fnUntraced(function* (raft: Raft) {
  const { position, sidecar } = yield* Applier
  const { hasKek } = yield* Keystore
  const { bootCount, clusterId, incarnation } = yield* Opening
  const identity = { version, clusterId, incarnation, bootCount }
  const { firstIndex, lastIndex, term } = raft.status()
  const phase = SidecarState.phase(sidecar)
  const cutoverIndex = sidecar.raftEnvelopeCutoverIndex
  const { index: appliedIndex } = position
  const where = { term, firstIndex, lastIndex, appliedIndex }
  const { report } = yield* Telemetry
  report({ _tag: "Opened", ...identity, ...where, phase, cutoverIndex, hasKek })
})

const halted = (cause: Cause.Cause<EngineFailure>) => {
  const error = Cause.findErrorOption(cause)
  const tag = error._tag === "Some" ? error.value._tag : "Bug"
  return { _tag: "Halted", error: tag, reason: messageOf(cause) } as const
}

const messageOf = (cause: Cause.Cause<EngineFailure>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}

const makeCore = Effect.gen(function* () {
  const { members, position } = yield* Applier
  const config = yield* NodeConfig
  const { groupId, memberId: id } = yield* Opening
  const { durable } = yield* StateStore
  const random = yield* Random.Random
  const { hardState, reader } = yield* RaftLogStore
  const { electionTicks, heartbeatTicks } = config
  const makeRaft = yield* RaftCore
  return yield* attempt(() =>
    makeRaft({
      id,
      log: {
        ...reader,
        snapshot: () => DurableSnapshot.read(durable, groupId),
        initialState: () => ({ hardState: hardState(), membership: members.configuration })
      },
      applied: position.index,
      electionTicks,
      heartbeatTicks,
      randomizedElectionTicks: () =>
        electionTicks + Math.floor(random.nextDoubleUnsafe() * electionTicks),
      messageBytesMax: Limits.mebibyte,
      inflightMessagesMax: 256,
      inflightBytesMax: 64 * Limits.mebibyte,
      uncommittedBytesMax: config.uncommittedBytesMax,
      committedBytesPerReadyMax: config.applyBytesMax,
      preVote: true,
      checkQuorum: true,
      stepDownOnRemoval: true
    })
  )
})

const makeDriver = Effect.fnUntraced(function* (raft: Raft) {
  const applier = yield* Applier
  const csprng = yield* Csprng
  const { reader } = yield* RaftLogStore
  const driver = new RaftEngineDriver({
    raft,
    applier,
    opening: yield* Opening,
    keystore: yield* Keystore,
    barrier: yield* QuiescenceBarrier,
    telemetry: yield* Telemetry,
    transport: yield* Transport,
    settings: yield* NodeConfig,
    firstProposalId: csprng.bytes(8).readBigUInt64BE(),
    firstReadId: csprng.bytes(8).readBigUInt64BE()
  })
  yield* attempt(() => findMarkers(driver, reader, applier.position.index))
  return driver
})

/** The markers already in the log above the applied index (SPEC §10), read in bounded pieces. */
function findMarkers(
  driver: RaftEngineDriver,
  reader: RaftLogStore["Service"]["reader"],
  applied: LogIndex
): void {
  const until = Position.after(reader.lastIndex())
  let from = Position.larger(Position.after(applied), reader.firstIndex())
  while (from < until) {
    const entries = reader.entries(from, until, scanBytesMax)
    driver.guard.appended(entries)
    from = Position.plus(from, entries.length)
  }
}

/**
 * Fails to build with a damaged log. On release the loop is interrupted between two writes, and
 * whoever still waits is told `NodeStopped`.
 */
export const layer = Layer.effect(RaftEngine, make)
