/** SPEC §11: an entry that does not open stops the node there, with exit code 70, every time. */
import { cp, rm } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { LogIndex } from "../../src/domain/Ids.ts"
import * as Position from "../../src/domain/raft/Position.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as StoppedNode from "../../src/layers/StoppedNode.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import * as Process from "../support/ProcessSealog.ts"

const { serve, stop } = Process

/** Replaces one directory by another. */
const replace = (path: string, by: string) =>
  Effect.promise(async () => {
    await rm(path, { recursive: true, force: true })
    await cp(by, path, { recursive: true })
  })

/** Flips one bit of the ciphertext of the last entry and gives it a right checksum. */
const tamper = (directory: string) =>
  Effect.gen(function* () {
    const store = yield* RaftLogStore
    const index = store.reader.lastIndex()
    const [entry] = store.reader.entries(index, Position.after(index), Number.MAX_SAFE_INTEGER)
    assert.strictEqual(entry!.kind, "normal")
    const data = Buffer.from(entry!.data)
    data[data.length - 1]! ^= 1
    yield* store.persist({ entries: [{ ...entry!, data }], hardState: undefined })
    return index
  }).pipe(Effect.provide(StoppedNode.stores({ directory })), Effect.scoped)

describe("sealog serve, with a sealed entry that was tampered with", () => {
  it.live("halts at it, again after a restart, and goes on once it is mended", () =>
    Effect.gen(function* () {
      const options = yield* Process.fresh
      const { directory } = options
      const [log, state] = [join(directory, "log"), join(directory, "state")]

      const first = yield* serve(options)
      const before = yield* RpcClientSocket.connect(first.endpoint)
      yield* before.enableStorageEnvelope
      yield* before.enableRaftEnvelope
      yield* stop(first, "SIGTERM")
      yield* replace(`${state}-old`, state)

      const second = yield* serve(options)
      const after = yield* RpcClientSocket.connect(second.endpoint)
      yield* after.put("k", "sealed value")
      yield* stop(second, "SIGTERM")
      yield* replace(`${log}-whole`, log)

      // The state lags behind the log, as after a crash: the entry is replayed.
      yield* replace(state, `${state}-old`)
      const index: LogIndex = yield* tamper(directory)
      for (const _attempt of ["first", "restart"]) {
        const halted = yield* Effect.scoped(
          Effect.flatMap(
            Process.start([
              ...["serve", "--data-dir", directory, "--name", options.nodeName],
              ...["--listen", "127.0.0.1:0", "--kek-file", options.kekFile]
            ]),
            ({ end }) => end
          )
        )
        assert.strictEqual(halted.code, 70, halted.stderr)
        assert.match(halted.stderr, new RegExp(`halted: entry ${index} .*tagMismatch`))
        assert.notMatch(halted.stderr, /\.ts:\d+/)
      }

      yield* replace(log, `${log}-whole`)
      const mended = yield* serve(options)
      const reader = yield* RpcClientSocket.connect(mended.endpoint)
      assert.strictEqual(Buffer.from((yield* reader.get("k"))!.value).toString(), "sealed value")
      yield* stop(mended, "SIGTERM")
    })
  )
})
