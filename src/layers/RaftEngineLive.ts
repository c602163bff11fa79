/**
 * The engine's loop: one fibre, one bounded inbox, **persist → send → apply → answer** (SPEC §9–§13).
 * What an earlier round has persisted is applied while this one's entries are being written.
 *
 * Everything that takes time, waits or may fail in the world is here; what is decided is in
 * `RaftEngineDriver`. What must never happen: a message or an answer before the write that makes it
 * true; a step past a failure. No promise, timer, clock or randomness but through a service, so that
 * a simulated scheduler can run it. Proof: `test/layers/RaftEngine.test.ts`, `test/simulation/`.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import { EncryptionApplyFailed } from "../domain/encryption/Errors.ts"
import * as SidecarState from "../domain/encryption/SidecarState.ts"
import { TooManyProposals } from "../domain/engine/Errors.ts"
import type { LogIndex } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import * as Limits from "../domain/Limits.ts"
import type { Entry } from "../domain/raft/Entry.ts"
import * as Position from "../domain/raft/Position.ts"
import * as Raft from "../domain/raft/Raft.ts"
import type { Ready } from "../domain/raft/Ready.ts"
import { SlowWrites } from "../domain/telemetry/SlowWrites.ts"
import { version } from "../domain/Version.ts"
import { Applier } from "../services/Applier.ts"
import { Csprng } from "../services/Csprng.ts"
import type { EngineFailure } from "../services/EngineFailure.ts"
import { Keystore } from "../services/Keystore.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { Opening } from "../services/Opening.ts"
import { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import { type ProposeRejection, RaftEngine } from "../services/RaftEngine.ts"
import { type LogWrite, RaftLogStore } from "../services/RaftLogStore.ts"
import { StateStore } from "../services/StateStore.ts"
import { Telemetry } from "../services/Telemetry.ts"
import { Transport } from "../services/Transport.ts"
import { type Input, RaftEngineDriver } from "./RaftEngineDriver.ts"
import { attempt } from "./SynchronousFailure.ts"

const scanBytesMax = Limits.mebibyte

const make = Effect.gen(function* () {
  const { tickMillis, inboxCountMax } = yield* NodeConfig
  const { depths, report } = yield* Telemetry
  const inbox = yield* Queue.dropping<Input>(inboxCountMax)
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
      for (const input of yield* Queue.clear(inbox)) driver.refuse(input)
      if (!isShutDown) yield* Deferred.failCause(failure, exit.cause)
    })
  driver.campaignIfAlone()
  const round = yield* makeRound({ raft, driver, inbox })
  const { failed: stateFailed } = yield* StateStore
  const loop = Effect.raceFirst(Effect.forever(round), stateFailed)
  yield* Effect.forkScoped(Effect.exit(Effect.onExit(loop, onExit)))
  const tick = Effect.sync(() => Queue.offerUnsafe(inbox, { _tag: "Tick" }))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(tickMillis), tick)))

  /** Waits for the driver's answer, which comes in any case once the input is in the inbox. */
  const ask = <A, E>(
    input: (resume: (answer: Effect.Effect<A, E | TooManyProposals>) => void) => Input
  ) =>
    Effect.callback<A, E | TooManyProposals>((resume) => {
      const asked = input(resume)
      if (driver.isStopped) driver.refuse(asked)
      else if (!Queue.offerUnsafe(inbox, asked)) {
        resume(Effect.fail(new TooManyProposals({ pendingCount: inboxCountMax, pendingBytes: 0 })))
      }
    })
  return RaftEngine.of({
    intake: () => driver.intake(),
    propose: (proposal) =>
      ask<Position.Position, ProposeRejection>((resume) => ({ _tag: "Propose", proposal, resume })),
    readIndex: ask((resume) => ({ _tag: "Read", resume })),
    sealingReady: ask((resume) => ({ _tag: "AwaitSealing", resume })),
    markerCounts: () => driver.guard.markerCounts,
    status: () => raft.status(),
    candidacyRenounced: () => driver.candidacyRenounced,
    stopped: Deferred.await(failure)
  })
})

/** Every guard of the node has passed. */
const reportOpened = Effect.fnUntraced(function* (raft: Raft.Raft) {
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
  const { memberId: id } = yield* Opening
  const random = yield* Random.Random
  const { hardState, reader } = yield* RaftLogStore
  const { electionTicks, heartbeatTicks } = config
  return yield* attempt(() =>
    Raft.make({
      id,
      log: {
        ...reader,
        snapshot: () => undefined,
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

const makeDriver = Effect.fnUntraced(function* (raft: Raft.Raft) {
  const applier = yield* Applier
  const { reader } = yield* RaftLogStore
  const driver = new RaftEngineDriver({
    raft,
    applier,
    opening: yield* Opening,
    keystore: yield* Keystore,
    barrier: yield* QuiescenceBarrier,
    telemetry: yield* Telemetry,
    firstProposalId: (yield* Csprng).bytes(8).readBigUInt64BE()
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

/** What one round works on. */
interface Machinery {
  readonly raft: Raft.Raft
  readonly driver: RaftEngineDriver
  readonly inbox: Queue.Queue<Input>
}

/** One turn of the loop: the inputs that are there, then at most one Ready. */
const makeRound = Effect.fnUntraced(function* ({ driver, inbox, raft }: Machinery) {
  const opening = yield* Opening
  const store = yield* RaftLogStore
  const transport = yield* Transport
  const apply = yield* makeApply(driver)
  const write = yield* makeWrite

  let hardState = yield* attempt(store.hardState)
  /** A commit index alone is not worth a sync: it travels with the next write. */
  const persist = (ready: Ready) => {
    hardState = ready.hardState ?? hardState
    return write({ entries: ready.entries, hardState })
  }
  return Effect.gen(function* () {
    const inputs = yield* raft.hasReady() ? Queue.clear(inbox) : Queue.takeAll(inbox)
    yield* attempt(() => {
      for (const input of inputs) driver.accept(input)
      driver.accepted()
    })
    if (!raft.hasReady()) return
    const ready = yield* attempt(() => raft.ready())
    invariant(ready.snapshot === undefined, "nobody sends a lone voter a snapshot (SPEC §16)")
    const { durable, rest } = split(ready)
    yield* ready.mustSync ? together(persist(ready), apply(durable)) : apply(durable)
    driver.persisted(ready)
    transport.send(ready.messages)
    yield* apply(rest)
    yield* attempt(() => {
      raft.advance(ready)
      driver.finished()
    })
    const keyId = driver.keyToRegister()
    if (keyId === undefined) return
    yield* Effect.matchEffect(opening.epochFor(keyId), {
      onSuccess: (epoch) => attempt(() => driver.register(keyId, epoch)),
      onFailure: (error) =>
        error._tag === "LocalEpochExhausted"
          ? Effect.sync(() => driver.cannotRegister(error._tag))
          : Effect.fail(error)
    })
  })
})

/**
 * The committed entries that an earlier round has made durable, and those that this one is to: an
 * entry is applied only when it is durable in this node's own log (SPEC §11).
 */
function split({ committedEntries, entries }: Ready) {
  const firstWritten = entries[0]?.index ?? Number.POSITIVE_INFINITY
  const at = committedEntries.findIndex(({ index }) => index >= firstWritten)
  if (at < 0) return { durable: committedEntries, rest: [] }
  return { durable: committedEntries.slice(0, at), rest: committedEntries.slice(at) }
}

/** The write begins at the end of the turn; what is applied meanwhile costs no time of its own. */
const together = <E, F>(writing: Effect.Effect<void, E>, applying: Effect.Effect<void, F>) =>
  Effect.all([writing, Effect.andThen(Effect.yieldNow, applying)], {
    concurrency: "unbounded",
    discard: true
  })

/** A durable write of the log, timed. */
const makeWrite = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const store = yield* RaftLogStore
  const { counters, report } = yield* Telemetry
  const slow = new SlowWrites()
  const nowMillis = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  return (write: LogWrite) =>
    Effect.suspend(() => {
      const startedAt = nowMillis()
      return Effect.map(store.persist(write), () => {
        const endedAt = nowMillis()
        const millis = endedAt - startedAt
        counters.logSyncSeconds.record(millis / 1_000)
        const unreportedCount = slow.toReport({ endedAt, millis })
        if (unreportedCount === undefined) return
        report({ _tag: "LogSyncSlow", millis, entryCount: write.entries.length, unreportedCount })
      })
    })
})

/** Applies committed entries in order, and answers each before the next run (SPEC §11). */
const makeApply = Effect.fnUntraced(function* (driver: RaftEngineDriver) {
  const applier = yield* Applier
  const clock = yield* Clock.Clock
  const keystore = yield* Keystore
  const { groupId } = yield* Opening
  const { room } = yield* StateStore
  const { counters } = yield* Telemetry

  return Effect.fnUntraced(function* (entries: ReadonlyArray<Entry>) {
    let rest = entries
    while (rest.length > 0) {
      yield* room
      const startedAt = clock.monotonicTimeNanosUnsafe()
      const run = yield* attempt(() => applier.apply(rest))
      const nanos = Number(clock.monotonicTimeNanosUnsafe() - startedAt)
      if (run.outcomes.length > 0) counters.applySeconds.record(nanos / 1e9)
      for (const [offset, outcome] of run.outcomes.entries()) driver.answer(rest[offset]!, outcome)
      if (run.failure !== undefined) return yield* Effect.fail(run.failure)
      rest = rest.slice(run.outcomes.length)
      if (run.missingKeys.length === 0) continue
      const { index, term } = rest[0]!
      yield* Effect.mapError(
        keystore.unwrap(run.missingKeys),
        ({ message: reason }) => new EncryptionApplyFailed({ groupId, index, term, reason })
      )
    }
  })
})

/**
 * Fails to build with a damaged log. On release the loop is interrupted between two writes, and
 * whoever still waits is told `NodeStopped`.
 */
export const layer = Layer.effect(RaftEngine, make)
