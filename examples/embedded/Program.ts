/**
 * The program: clients move money, and in the middle of it the node goes from plaintext to
 * ciphertext. It asks only for services, so it runs alike on LMDB (`main.ts`) and in memory
 * (`test/examples/Embedded.test.ts`).
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import { Cutover, EncryptionAdmin, NodeStatus, Replica } from "../../src/index.ts"
import { Ledger } from "./Ledger.ts"

const accounts = ["ada", "blaise", "carl", "dorothy", "emmy", "felix", "grace", "henri"]
const openingBalance = 1000
const clientCount = 4
const transfersPerClient = 100
const amountMax = 400

/** How many transfers there were, and a signal once there are enough of them. */
interface Progress {
  done: number
  refused: number
  readonly aQuarter: Latch.Latch
  readonly aHalf: Latch.Latch
}

/** After the first run they are all there: what a run has written, the next one finds. */
const openAccounts = Effect.gen(function* () {
  const ledger = yield* Ledger
  const results = yield* Effect.forEach(
    accounts,
    (account) => Effect.result(ledger.open({ account, balance: openingBalance })),
    { concurrency: "unbounded" }
  )
  let opened = 0
  for (const result of results) {
    if (result._tag === "Success") opened += 1
    else if (result.failure._tag !== "AccountExists") return yield* Effect.fail(result.failure)
  }
  return opened
})

/** One client; the ids of its transfers are its own, also over restarts. */
const client = Effect.fnUntraced(function* (name: string, progress: Progress) {
  const ledger = yield* Ledger
  const total = clientCount * transfersPerClient
  for (let number = 1; number <= transfersPerClient; number++) {
    const [from, to] = yield* Random.shuffle(accounts)
    const amount = yield* Random.nextIntBetween(1, amountMax)
    const transfer = ledger.transfer({ id: `${name}/${number}`, from: from!, to: to!, amount })
    yield* Effect.catchTag(transfer, "InsufficientFunds", () =>
      Effect.sync(() => {
        progress.refused += 1
      })
    )
    progress.done += 1
    if (progress.done >= total / 4) progress.aQuarter.openUnsafe()
    if (progress.done >= total / 2) progress.aHalf.openUnsafe()
  }
})

/** Phase 0 → 1 → 2, while the clients go on. Both steps may be repeated and say if they were done. */
const encrypt = Effect.fnUntraced(function* (progress: Progress) {
  const admin = yield* EncryptionAdmin
  const cutover = yield* Cutover
  yield* progress.aQuarter.await
  const storage = yield* admin.enableStorageEnvelope
  yield* Console.log(
    storage.wasAlreadyActive
      ? `phase 1 since index ${storage.index}: values are sealed`
      : `phase 1 at index ${storage.index}: values are sealed from here on`
  )
  yield* progress.aHalf.await
  const done = yield* cutover.enableRaftEnvelope
  yield* Console.log(
    done.wasAlreadyActive
      ? `phase 2 since index ${done.cutoverIndex}: every log entry above it is sealed`
      : `phase 2 at index ${done.cutoverIndex}: every log entry above it is sealed; ` +
          `transfers waited ${done.barrierClosedMillis.toFixed(1)} ms and none was refused`
  )
})

const work = Effect.gen(function* () {
  const ledger = yield* Ledger
  const status = yield* NodeStatus
  const opened = yield* openAccounts
  const { bootCount, nodeName, phase } = status.read()
  const before = yield* ledger.total
  yield* Console.log(
    `node ${nodeName}, opened ${bootCount} times, phase ${phase}: ` +
      `${opened} accounts opened, ${accounts.length - opened} found, ${before} in all`
  )
  const progress: Progress = {
    done: 0,
    refused: 0,
    aQuarter: yield* Latch.make(false),
    aHalf: yield* Latch.make(false)
  }
  const clients = Array.from({ length: clientCount }, (_, number) =>
    client(`run-${bootCount}/client-${number + 1}`, progress)
  )
  yield* Effect.all([...clients, encrypt(progress)], { concurrency: "unbounded" })
  const after = yield* ledger.total
  yield* Console.log(
    `${progress.done} transfers by ${clientCount} clients, ` +
      `${progress.refused} refused for lack of funds; ${after} in all`
  )
  return { opened, before, after, ...status.read() }
})

/** Ends when the work is done, or with the reason for which the node has halted. */
export const program = Effect.gen(function* () {
  const { stopped } = yield* Replica
  return yield* Effect.raceFirst(work, stopped)
})
