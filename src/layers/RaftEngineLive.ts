/**
 * The engine's loop: one fibre, one bounded inbox, **persist → send → apply → answer** (SPEC §9–§13).
 *
 * Everything that takes time, waits or may fail in the world is here; what is decided is in
 * `RaftEngineDriver`. What must never happen: a message or an answer before the write that makes it
 * true; a step past a failure. No promise, timer, clock or randomness but through a service, so that
 * a simulated scheduler can run it. Proof: `test/layers/RaftEngine.test.ts`, `test/simulation/`.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import { EncryptionApplyFailed } from "../domain/encryption/Errors.ts"
import { TooManyProposals } from "../domain/engine/Errors.ts"
import type { LogIndex } from "../domain/Ids.ts"
import type { Entry } from "../domain/raft/Entry.ts"
import * as Membership from "../domain/raft/Membership.ts"
import * as Position from "../domain/raft/Position.ts"
import * as Raft from "../domain/raft/Raft.ts"
import type { Ready } from "../domain/raft/Ready.ts"
import { Applier } from "../services/Applier.ts"
import { Csprng } from "../services/Csprng.ts"
import type { EngineFailure } from "../services/EngineFailure.ts"
import { Keystore } from "../services/Keystore.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import { Opening } from "../services/Opening.ts"
import { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import { RaftEngine } from "../services/RaftEngine.ts"
import { RaftLogStore } from "../services/RaftLogStore.ts"
import { Transport } from "../services/Transport.ts"
import { type Input, RaftEngineDriver } from "./RaftEngineDriver.ts"
import { attempt } from "./SynchronousFailure.ts"

const scanEntriesBytesMax = 1 << 20

const make = Effect.gen(function* () {
  const applier = yield* Applier
  const config = yield* NodeConfig
  const keystore = yield* Keystore
  const opening = yield* Opening
  const store = yield* RaftLogStore
  const transport = yield* Transport
  const random = yield* Random.Random
  const inbox = yield* Queue.dropping<Input>(config.inboxCountMax)
  const failure = yield* Deferred.make<never, EngineFailure>()

  const raft = yield* attempt(() =>
    Raft.make({
      id: opening.memberId,
      log: {
        ...store.reader,
        initialState: () => ({
          hardState: store.hardState(),
          membership: Membership.make([opening.memberId])
        })
      },
      applied: applier.position.index,
      electionTicks: config.electionTicks,
      heartbeatTicks: config.heartbeatTicks,
      randomizedElectionTicks: () =>
        config.electionTicks + Math.floor(random.nextDoubleUnsafe() * config.electionTicks),
      messageBytesMax: 1 << 20,
      inflightMessagesMax: 256,
      inflightBytesMax: 64 << 20,
      uncommittedBytesMax: config.uncommittedBytesMax,
      committedBytesPerReadyMax: config.applyBytesMax,
      preVote: true,
      checkQuorum: true,
      stepDownOnRemoval: true
    })
  )
  const driver = new RaftEngineDriver({
    raft,
    applier,
    opening,
    keystore,
    barrier: yield* QuiescenceBarrier,
    firstProposalId: (yield* Csprng).bytes(8).readBigUInt64BE()
  })
  yield* attempt(() => findMarkers(driver, store.reader, applier.position.index))

  let hardState = yield* attempt(store.hardState)
  /** A commit index alone is not worth a sync: it travels with the next write. */
  const persist = (ready: Ready) => {
    hardState = ready.hardState ?? hardState
    return ready.mustSync ? store.persist({ entries: ready.entries, hardState }) : Effect.void
  }

  const apply = Effect.fnUntraced(function* (entries: ReadonlyArray<Entry>) {
    let rest = entries
    while (rest.length > 0) {
      const run = yield* attempt(() => applier.apply(rest))
      run.outcomes.forEach((outcome, offset) => driver.answer(rest[offset]!, outcome))
      if (run.failure !== undefined) return yield* run.failure
      rest = rest.slice(run.outcomes.length)
      if (run.missingKeys.length > 0) {
        const { groupId } = opening
        const { index, term } = rest[0]!
        yield* keystore.unwrap(run.missingKeys).pipe(
          Effect.mapError(
            (cause) =>
              new EncryptionApplyFailed({ groupId, index, term, reason: cause.message })
          )
        )
      }
    }
  })

  const round = Effect.gen(function* () {
    const inputs = yield* raft.hasReady() ? Queue.clear(inbox) : Queue.takeAll(inbox)
    yield* attempt(() => {
      for (const input of inputs) driver.accept(input)
      driver.accepted()
    })
    if (!raft.hasReady()) return
    const ready = yield* attempt(() => raft.ready())
    yield* persist(ready)
    driver.persisted(ready)
    transport.send(ready.messages)
    yield* apply(ready.committedEntries)
    yield* attempt(() => {
      raft.advance(ready)
      driver.finished()
    })
    const keyId = driver.keyToRegister()
    if (keyId === undefined) return
    const epoch = yield* opening.epochFor(keyId)
    yield* attempt(() => driver.register(keyId, epoch))
  })

  /** A failure or a bug ends the loop for good; whoever waits is told, later inputs are refused. */
  const loop = Effect.forever(round).pipe(
    Effect.onExit((exit) =>
      Effect.gen(function* () {
        const isShutDown = exit._tag === "Success" || Cause.hasInterruptsOnly(exit.cause)
        driver.stop(isShutDown ? "it is shutting down" : String(Cause.squash(exit.cause)))
        for (const input of yield* Queue.clear(inbox)) driver.refuse(input)
        if (!isShutDown) yield* Deferred.failCause(failure, exit.cause)
      })
    )
  )
  const ticker = Effect.forever(
    Effect.andThen(
      Effect.sleep(config.tickMillis),
      Effect.sync(() => Queue.offerUnsafe(inbox, { _tag: "Tick" }))
    )
  )
  raft.campaign()
  yield* Effect.forkScoped(Effect.exit(loop))
  yield* Effect.forkScoped(ticker)

  /** Waits for the driver's answer, which comes in any case once the input is in the inbox. */
  const ask = <A, E>(input: (resume: (answer: Effect.Effect<A, E>) => void) => Input) =>
    Effect.callback<A, E | TooManyProposals>((resume) => {
      const asked = input(resume)
      const intake = driver.intake()
      if (intake._tag === "Shut" && intake.reason._tag === "NodeStopped") driver.refuse(asked)
      else if (!Queue.offerUnsafe(inbox, asked)) {
        const { inboxCountMax: pendingCount } = config
        resume(Effect.fail(new TooManyProposals({ pendingCount, pendingBytes: 0 })))
      }
    })

  return RaftEngine.of({
    intake: () => driver.intake(),
    propose: (proposal) => ask((resume) => ({ _tag: "Propose", proposal, resume })),
    readIndex: ask((resume) => ({ _tag: "Read", resume })),
    sealingReady: ask((resume) => ({ _tag: "AwaitSealing", resume })),
    markerCounts: () => driver.guard.markerCounts,
    status: () => raft.status(),
    stopped: Deferred.await(failure)
  })
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
    const entries = reader.entries(from, until, scanEntriesBytesMax)
    driver.guard.appended(entries)
    from = Position.after(entries.at(-1)!.index)
  }
}

/**
 * Fails to build with a damaged log. On release the loop ends between two rounds or in a wait, and
 * proposals on their way are told `Stopped`.
 */
export const layer = Layer.effect(RaftEngine, make)

