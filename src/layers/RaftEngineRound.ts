/**
 * One round of the engine's loop: **persist → send → apply → answer** (SPEC §9–§13). What an earlier
 * round has persisted is applied while this one's entries are being written.
 *
 * What must never happen: a message or an answer before the write that makes it true; a step past a
 * failure; a log that holds a change of the membership, and beside it a commit index from before the
 * one that precedes it. Proof: `test/layers/RaftEngine.test.ts`, `test/simulation/`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { EncryptionApplyFailed } from "../domain/encryption/Errors.ts"
import type { LogIndex } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import type { Entry } from "../domain/raft/Entry.ts"
import type { InstallSnapshot, Message } from "../domain/raft/Message.ts"
import type { Raft } from "../domain/raft/Raft.ts"
import type { Ready } from "../domain/raft/Ready.ts"
import { SlowWrites } from "../domain/telemetry/SlowWrites.ts"
import { Applier } from "../services/Applier.ts"
import { Keystore } from "../services/Keystore.ts"
import { LogCompaction } from "../services/LogCompaction.ts"
import { Opening } from "../services/Opening.ts"
import { type LogWrite, RaftLogStore } from "../services/RaftLogStore.ts"
import { StateStore } from "../services/StateStore.ts"
import { Telemetry } from "../services/Telemetry.ts"
import { Transport } from "../services/Transport.ts"
import * as MonotonicClock from "./MonotonicClock.ts"
import type { RaftEngineDriver } from "./RaftEngineDriver.ts"
import type { RaftEngineInHand } from "./RaftEngineInHand.ts"
import type { Input } from "./RaftEngineInput.ts"
import { makeRotate } from "./RaftEngineRotation.ts"
import { makeInstall } from "./RaftEngineSnapshots.ts"
import { attempt } from "./SynchronousFailure.ts"

/** What one round works on. */
export interface Machinery {
  readonly raft: Raft
  readonly driver: RaftEngineDriver
  readonly inbox: Queue.Queue<Input>
  readonly inHand: RaftEngineInHand
  /** Takes an `InstallSnapshot`, whose content goes beside it. Its end comes as an input. */
  readonly sendSnapshot: (message: InstallSnapshot) => void
}

/** One turn of the loop: the inputs that are there, then at most one Ready. */
export const makeRound = Effect.fnUntraced(function* (machinery: Machinery) {
  const { driver, inHand, inbox, raft } = machinery
  const opening = yield* Opening
  const compaction = yield* LogCompaction
  const store = yield* RaftLogStore
  const transport = yield* Transport
  const apply = yield* makeApply(driver)
  const send = (messages: ReadonlyArray<Message>) => {
    const snapshots = messages.filter((message) => message._tag === "InstallSnapshot")
    transport.send(messages.filter(({ _tag }) => _tag !== "InstallSnapshot"))
    for (const message of snapshots) machinery.sendSnapshot(message)
  }
  const install = yield* makeInstall(driver)
  const rotate = yield* makeRotate(driver)
  const write = yield* makeWrite

  let hardState = yield* attempt(store.hardState)
  return Effect.gen(function* () {
    inHand.take(yield* raft.hasReady() ? Queue.clear(inbox) : Queue.takeAll(inbox))
    yield* attempt(() => {
      inHand.acceptAll(driver)
      driver.accepted()
    })
    if (!raft.hasReady()) return
    const ready = yield* attempt(() => raft.ready())
    // A commit index alone is not worth a sync: it travels with the next write, whatever that is for.
    hardState = ready.hardState ?? hardState
    const written = { entries: ready.entries, hardState }
    if (ready.snapshot !== undefined) yield* install(ready.snapshot, hardState)
    const { durable, rest } = split(ready)
    yield* ready.mustSync ? together(write(written), apply(durable)) : apply(durable)
    driver.persisted(ready)
    send(ready.messages)
    yield* apply(rest)
    yield* attempt(() => {
      raft.advance(ready)
      driver.writer.judgeCandidacy()
      driver.finished()
    })
    compaction.progressed()
    const worn = driver.keyToRotate()
    if (worn !== undefined) yield* rotate(worn)
    const keyId = driver.writer.keyToRegister()
    if (keyId === undefined) return
    // A node without an epoch left for it has stepped down before it came here.
    const epoch = yield* Effect.catchTag(opening.epochFor(keyId), "LocalEpochExhausted", Effect.die)
    yield* attempt(() => driver.writer.register(keyId, epoch))
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
  const nowMillis = () => MonotonicClock.nowMillisUnsafe(clock)
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
    let unwrappedFor: LogIndex | undefined
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
      invariant(index !== unwrappedFor, `the keystore holds what it has unwrapped for ${index}`)
      unwrappedFor = index
      yield* Effect.mapError(
        keystore.unwrap(run.missingKeys),
        ({ message: reason }) => new EncryptionApplyFailed({ groupId, index, term, reason })
      )
    }
  })
})
