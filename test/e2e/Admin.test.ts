/** `sealog status` and `sealog encryption …` through all phases, then the dumps of what they left. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Process from "../support/ProcessSealog.ts"
import * as StoppedDirectory from "../support/StoppedDirectory.ts"

const { assertRefused, json, sealog, stop } = Process

interface StorageEnabled {
  readonly index: number
  readonly wasAlreadyActive: boolean
}

interface CutOver {
  readonly cutoverIndex: number
  readonly wasAlreadyActive: boolean
}

interface DumpedSidecar {
  readonly groupId: number
  readonly raftEnvelopeCutoverIndex: number
  readonly storageEnvelopeIndex: number
  readonly active: { readonly storage: number; readonly raft: number }
  readonly keys: ReadonlyArray<{ readonly id: number; readonly wrapped: string }>
  readonly writers: ReadonlyArray<unknown>
}

interface DumpedEntry {
  readonly index: number
  readonly kind: string
  readonly sealed: boolean
  readonly keyId: number
  readonly bytes: number
  readonly data?: string
}

/** Every line of `log dump --json`. */
const lines = ({
  code,
  stderr,
  stdout
}: {
  code: number | null
  stderr: string
  stdout: string
}) => {
  assert.strictEqual(code, 0, stderr)
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as DumpedEntry)
}

const throughAllPhases = Effect.fnUntraced(function* (endpoint: Endpoint.Endpoint) {
  const at = ["--endpoint", Endpoint.format(endpoint), "--json"]
  const encryption = (command: string) => sealog("encryption", command, ...at)
  const client = yield* RpcClientSocket.connect(endpoint)
  yield* client.put("k", "plain value")
  const [status, tooEarly] = yield* Effect.all(
    [sealog("status", ...at), encryption("enable-raft-envelope")],
    { concurrency: 2 }
  )
  assert.include(json(status), { nodeName: "a", role: "Leader", revision: 1, phase: 0 })
  assertRefused(tooEarly, /enable-storage-envelope/)

  const storage = json(yield* encryption("enable-storage-envelope")) as StorageEnabled
  assert.isFalse(storage.wasAlreadyActive)
  const cutover = json(yield* encryption("enable-raft-envelope")) as CutOver
  assert.isFalse(cutover.wasAlreadyActive)
  yield* client.put("k", "sealed value")
  const [again, now] = yield* Effect.all(
    [encryption("enable-raft-envelope"), encryption("status")],
    { concurrency: 2 }
  )
  const { cutoverIndex } = cutover
  assert.include(json(again), { cutoverIndex, wasAlreadyActive: true })
  assert.include(json(now), {
    phase: 2,
    hasKek: true,
    storageEnvelopeIndex: storage.index,
    cutoverIndex,
    isBarrierClosed: false,
    isWrapFlagSet: true,
    writerId: 1,
    localEpoch: 1
  })
  return { storageEnvelopeIndex: storage.index, cutoverIndex }
}, Effect.scoped)

describe("sealog status, encryption, log dump and sidecar dump", () => {
  it.live("cuts over, and the dumps of the stopped node show where", () =>
    Effect.gen(function* () {
      const options = yield* Process.fresh
      const at = ["--data-dir", options.directory]
      const node = yield* Process.serve(options)
      const { cutoverIndex, storageEnvelopeIndex } = yield* throughAllPhases(node.endpoint)
      const [log, state, nowhere] = yield* Effect.all(
        [
          sealog("log", "dump", ...at),
          sealog("sidecar", "dump", ...at),
          sealog("log", "dump", "--data-dir", `${options.directory}-none`)
        ],
        { concurrency: 3 }
      )
      assertRefused(log, /in use by another process/)
      assertRefused(state, /in use by another process/)
      assertRefused(nowhere, /no node's data/)
      yield* stop(node, "SIGTERM")

      const entries = lines(yield* sealog("log", "dump", ...at, "--json", "--raw"))
      assert.deepStrictEqual(
        entries.map(({ index }) => index),
        entries.map((_, position) => position + 1)
      )
      for (const { data, index, keyId, kind, sealed } of entries) {
        assert.strictEqual(sealed, kind === "normal" && index > cutoverIndex)
        assert.strictEqual(sealed, keyId !== 0)
        assert.isFalse(Buffer.from(data!, "base64").includes("sealed value"))
      }
      assert.isTrue(
        entries.some(({ data }) => Buffer.from(data!, "base64").includes("plain value"))
      )
      const [marker] = lines(
        yield* sealog(
          ...["log", "dump", ...at, "--json"],
          ...["--from", `${cutoverIndex}`, "--until", `${cutoverIndex + 1}`]
        )
      )
      assert.include(marker, { index: cutoverIndex, kind: "normal", sealed: false, keyId: 0 })
      assert.isFalse("data" in marker!)

      const sidecar = json(yield* sealog("sidecar", "dump", ...at, "--json")) as DumpedSidecar
      assert.include(sidecar, {
        groupId: 0,
        raftEnvelopeCutoverIndex: cutoverIndex,
        storageEnvelopeIndex
      })
      assert.includeMembers(
        sidecar.keys.map(({ id }) => id),
        [sidecar.active.storage, sidecar.active.raft]
      )
      for (const { wrapped } of sidecar.keys) {
        assert.strictEqual(Buffer.from(wrapped, "base64").length, 61)
      }
      assert.strictEqual(sidecar.writers.length, 1)
    })
  )

  it.live("show the log for what it is although the state lags behind it, as after a crash", () =>
    Effect.gen(function* () {
      const options = yield* Process.fresh
      const { directory } = options
      const { state } = StoppedDirectory.environments(directory)
      const first = yield* Process.serve(options)
      const before = yield* RpcClientSocket.connect(first.endpoint)
      yield* before.enableStorageEnvelope
      yield* stop(first, "SIGTERM")
      yield* StoppedDirectory.replace(`${state}-old`, state)
      const second = yield* Process.serve(options)
      const after = yield* RpcClientSocket.connect(second.endpoint)
      const { cutoverIndex } = yield* after.enableRaftEnvelope
      yield* after.put("k", "sealed value")
      yield* stop(second, "SIGTERM")
      const dump = (...given: ReadonlyArray<string>) =>
        Effect.map(sealog("log", "dump", "--data-dir", directory, "--json", ...given), lines)

      const whole = yield* dump()
      assert.isTrue(whole.some(({ sealed }) => sealed))
      yield* StoppedDirectory.replace(state, `${state}-old`)
      assert.deepStrictEqual(yield* dump(), whole)
      const behind = ["--from", `${cutoverIndex + 1}`]
      assert.deepStrictEqual(yield* dump(...behind), whole.slice(cutoverIndex))
    })
  )
})
