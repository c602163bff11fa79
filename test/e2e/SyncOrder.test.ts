/**
 * SPEC §8, §19 (I4): an acknowledgement leaves only after the entry is on disk. Observed from outside,
 * in the system calls of a real node; `support/StraceSyncOrder.ts` says what counts.
 */
import { readFileSync, realpathSync } from "node:fs"
import { join } from "node:path"
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as PlantedLogOptions from "../support/PlantedLogOptions.ts"
import * as Process from "../support/ProcessSealog.ts"
import * as StraceProcess from "../support/StraceProcess.ts"
import * as StraceSyncOrder from "../support/StraceSyncOrder.ts"
import * as StraceTrace from "../support/StraceTrace.ts"

const { itTraced } = StraceProcess

const calls = [
  ...["openat", "read", "readv", "recvfrom", "recvmsg"],
  ...["write", "writev", "sendto", "sendmsg", "pwrite64", "pwritev", "pwritev2"],
  ...["fdatasync", "fsync"]
]

/** No canary is the beginning of another one. */
const canariesOf = (name: string, count: number) =>
  Array.from({ length: count }, (_, at) => `${name}-${at}-canary`)

const putInOrder = (client: RpcClientSocket.Client, canaries: ReadonlyArray<string>) =>
  Effect.forEach(canaries, (canary) => client.put(canary, "v"), { discard: true })

/** Runs `body` against a traced node, stops it, and reads what it did. */
const traced = Effect.fnUntraced(function* <E>(
  body: (node: Effect.Success<ReturnType<typeof Process.serve>>) => Effect.Effect<void, E>,
  environment: Readonly<Record<string, string>> = {}
) {
  const { directory, ...options } = yield* Process.fresh
  const output = join(directory, "../trace")
  const launch = StraceProcess.launch({ output, calls })
  const node = yield* Process.serve({
    ...options,
    directory,
    launch: { ...launch, environment: { ...launch.environment, ...environment } }
  })
  yield* body(node)
  const ended = yield* Process.stop(node, "SIGTERM")
  assert.strictEqual(ended.code, 0, ended.stderr)
  const events = StraceTrace.parse(readFileSync(output, "latin1"))
  return { events, file: join(realpathSync(directory), "log/data.mdb") }
})

describe("an acknowledgement leaves after the sync", () => {
  itTraced("of its entry, request by request, plain and sealed", () =>
    Effect.gen(function* () {
      const [plain, sealed] = [canariesOf("plain", 8), canariesOf("sealed", 8)]
      const { events, file } = yield* traced(
        Effect.fnUntraced(function* ({ endpoint }) {
          const client = yield* RpcClientSocket.connect(endpoint)
          yield* putInOrder(client, plain)
          yield* client.enableStorageEnvelope
          yield* client.enableRaftEnvelope
          yield* putInOrder(client, sealed)
        }, Effect.scoped)
      )
      const inPlain = StraceSyncOrder.check(events, { file, canaries: plain, entry: "canary" })
      assert.deepStrictEqual(inPlain.violations, [])
      assert.deepStrictEqual(inPlain.acknowledged, plain)
      assert.isAtLeast(inPlain.syncs, plain.length)

      const entry = "everything since"
      const inSealed = StraceSyncOrder.check(events, { file, canaries: sealed, entry })
      assert.deepStrictEqual(inSealed.violations, [])
      assert.deepStrictEqual(inSealed.acknowledged, sealed)
      // The log does not show them, so nothing weaker than this could have been asked for.
      const byCanary = StraceSyncOrder.check(events, { file, canaries: sealed, entry: "canary" })
      assert.deepStrictEqual(
        byCanary.violations,
        sealed.map((canary) => ({ canary, lack: "not written" }))
      )
    })
  )

  itTraced("that began after its entry was written, when many share one", () =>
    Effect.gen(function* () {
      const clients = Array.from({ length: 12 }, (_, at) => canariesOf(`client-${at}`, 6))
      const { events, file } = yield* traced(({ endpoint }) =>
        Effect.forEach(
          clients,
          (canaries) =>
            Effect.scoped(
              Effect.flatMap(RpcClientSocket.connect(endpoint), (client) =>
                putInOrder(client, canaries)
              )
            ),
          { concurrency: "unbounded", discard: true }
        )
      )
      const canaries = clients.flat()
      const verdict = StraceSyncOrder.check(events, { file, canaries, entry: "canary" })
      assert.deepStrictEqual(verdict.violations, [])
      assert.sameMembers([...verdict.acknowledged], canaries)
      assert.isBelow(verdict.commits, canaries.length, "no two requests shared a commit")
    })
  )
})

describe("planted: a log that is opened", () => {
  const planted = (options: Readonly<Record<string, boolean>>, lack: StraceSyncOrder.Lack) =>
    Effect.gen(function* () {
      const canaries = canariesOf("planted", 6)
      const { events, file } = yield* traced(
        Effect.fnUntraced(function* ({ endpoint }) {
          yield* putInOrder(yield* RpcClientSocket.connect(endpoint), canaries)
        }, Effect.scoped),
        PlantedLogOptions.environment(options)
      )
      const verdict = StraceSyncOrder.check(events, { file, canaries, entry: "canary" })
      assert.deepStrictEqual(verdict.acknowledged, canaries)
      assert.deepStrictEqual(
        verdict.violations,
        canaries.map((canary) => ({ canary, lack }))
      )
    })

  itTraced("with noSync is reported at every acknowledgement", () =>
    planted({ noSync: true }, "not synced")
  )

  itTraced("with noMetaSync is reported at every acknowledgement", () =>
    planted({ noMetaSync: true }, "not committed")
  )
})
