/**
 * SPEC §9, §12: clients of three real nodes write through the KV API while the storage envelope is
 * enabled and the cutover runs, and the leader is killed right after the marker: they see a pause, no
 * error.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type { Endpoint } from "../../src/domain/api/Endpoint.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as RpcIdempotent from "../../src/layers/RpcIdempotent.ts"
import * as RpcSession from "../../src/layers/RpcSession.ts"
import * as OperatedCluster from "../support/ProcessOperatedCluster.ts"
import * as Process from "../support/ProcessSealog.ts"

/** Three nodes and a dozen clients take their time on a machine that is busy with something else. */
vi.setConfig({ testTimeout: 240_000 })

/** A member that has just started, or on a busy machine, may not answer in time. */
const gatesMax = 30

/** What one client was answered; any failure of it fails the test. */
interface Written {
  readonly key: string
  readonly revisions: Array<number>
}

/** Writes one key over and over with a session, and reads it back, until told to stop. */
const writer = Effect.fnUntraced(function* (
  endpoints: Endpoint | ReadonlyArray<Endpoint>,
  key: string,
  isOver: () => boolean
) {
  const client = yield* RpcClientSocket.connect(endpoints, { deadlineMillis: 60_000 })
  const session = yield* RpcSession.make(client, { deadlineMillis: 60_000 })
  const written: Written = { key, revisions: [] }
  const fibre = yield* Effect.forkChild(
    Effect.gen(function* () {
      for (let at = 0; !isOver(); at++) {
        written.revisions.push((yield* session.put(key, `${key} ${at}`)).revision)
        const found = yield* client.get(key)
        assert.strictEqual(Buffer.from(found!.value).toString(), `${key} ${at}`)
      }
    })
  )
  /** Everybody has been answered that often since now. */
  const more = (count: number) =>
    Effect.suspend(() => {
      const enough = written.revisions.length + count
      return Effect.repeat(Effect.sleep(5), {
        while: () => written.revisions.length < enough && fibre.pollUnsafe() === undefined
      })
    })
  return { written, fibre, more }
})

describe("clients, while a cluster goes from plaintext to sealed", () => {
  it.live("see no error, lose nothing and write nothing twice; the leader dies at the marker", () =>
    Effect.gen(function* () {
      const { kekFile } = yield* Process.fresh
      const { endpoints, names, ...cluster } = yield* OperatedCluster.start({ kekFile })
      const leader = yield* cluster.leader
      const follower = endpoints[names.findIndex((name) => name !== leader)]!
      let isOver = false
      // Some know all nodes; some know one that follows, and stays.
      const writers = yield* Effect.forEach(
        Array.from({ length: 6 }, (_, id) => id),
        (id) => writer(id % 2 === 0 ? endpoints : follower, `client-${id}`, () => isOver)
      )
      const all = (count: number) =>
        Effect.forEach(writers, ({ more }) => more(count), { concurrency: "unbounded" })
      yield* all(5)
      const operator = yield* RpcClientSocket.connect(follower)
      const storage = yield* operator.enableStorageEnvelope
      assert.isFalse(storage.wasAlreadyActive)
      yield* all(5)

      const cutover = yield* Effect.forkChild(RpcIdempotent.ask(operator.enableRaftEnvelope))
      yield* cluster.said(leader, /marker appended/)
      yield* cluster.end(leader, "SIGKILL")
      const first = yield* Effect.result(Fiber.join(cutover))
      yield* all(20)
      yield* cluster.restart(leader)
      // If nobody else had the marker, the next leader asks all members, of whom one was dead.
      if (Result.isFailure(first)) assert.strictEqual(first.failure._tag, "CapabilityCheckFailed")
      const { cutoverIndex } = yield* RpcIdempotent.ask(operator.enableRaftEnvelope).pipe(
        Effect.retry({ while: ({ _tag }) => _tag === "CapabilityCheckFailed", times: gatesMax })
      )
      if (Result.isSuccess(first)) assert.strictEqual(cutoverIndex, first.success.cutoverIndex)
      yield* all(5)
      isOver = true
      yield* Fiber.joinAll(writers.map(({ fibre }) => fibre))

      // Every put takes a revision, and nothing else does.
      const client = yield* RpcClientSocket.connect(endpoints)
      yield* client.get("client-0")
      const { revision } = yield* client.status
      const revisions = writers.flatMap(({ written }) => written.revisions)
      assert.deepStrictEqual(
        revisions.toSorted((a, b) => a - b),
        Array.from({ length: revision }, (_, at) => at + 1)
      )
      const nodes = yield* Effect.repeat(client.encryptionSurvey, {
        while: (found) => found.some(({ status }) => status?.phase !== 2)
      })
      assert.strictEqual(nodes.length, 3)
      for (const { nodeName, status } of nodes) {
        assert.deepInclude(
          status,
          { cutoverIndex, isWrapFlagSet: true, isBarrierClosed: false, hasKek: true },
          nodeName
        )
      }
      const told = yield* Process.sealog(
        ...["encryption", "status", "--endpoint", `${follower.host}:${follower.port}`]
      )
      assert.strictEqual(told.code, 0, told.stderr)
      for (const name of names) assert.match(told.stdout, new RegExp(`^\\d +${name} +voter`, "m"))
    })
  )
})
