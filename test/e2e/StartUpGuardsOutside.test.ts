/**
 * SPEC §4, §17 on a real process: what a node finds around its data (the KEK, the lock, the file system)
 * and refuses, before any port is opened. The test holds both ports.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NodeProcess from "../../scripts/demo/NodeProcess.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Mount from "../support/Mount.ts"
import { heldAddress } from "../support/Ports.ts"
import * as Process from "../support/ProcessSealog.ts"
import * as Strace from "../support/StraceProcess.ts"

const { assertRefused, fresh, serve, stop } = Process
const { itTraced } = Strace

/** `sealog serve` over a directory, with both ports taken. */
const started = Effect.fnUntraced(function* (
  directory: string,
  kek: ReadonlyArray<string>,
  launch?: NodeProcess.Launch
) {
  const process = yield* NodeProcess.start(
    [
      ...["serve", "--data-dir", directory, "--name", "a", ...kek],
      ...["--listen", yield* heldAddress, "--metrics-listen", yield* heldAddress]
    ],
    launch
  )
  return yield* process.end
})

describe("sealog serve and its KEK (SPEC §4)", () => {
  it.live("refuses a file that others may read, and takes it once they may not", () =>
    Effect.gen(function* () {
      const options = yield* fresh
      const { directory, kekFile } = options
      for (const mode of [0o644, 0o640, 0o602]) {
        chmodSync(kekFile, mode)
        const ended = yield* started(directory, ["--kek-file", kekFile])
        assertRefused(ended, /no key-encryption key from file \S+ \(tooOpen\): .*0600/)
      }
      chmodSync(kekFile, 0o400)
      yield* stop(yield* serve(options), "SIGTERM")
    })
  )

  it.live("takes one from the environment, and refuses what is none", () =>
    Effect.gen(function* () {
      const { directory, kekFile, nodeName } = yield* fresh
      const bytes = readFileSync(kekFile)
      const inVariable = (text: string) => ({ environment: { TEST_KEK: text } })
      const refusals = [
        [{}, /environment variable TEST_KEK \(missing\)/],
        [inVariable("not base64!"), /\(notBase64\)/],
        [inVariable(bytes.subarray(1).toString("base64")), /\(wrongSize\)/]
      ] as const
      for (const [launch, says] of refusals) {
        const ended = yield* started(directory, ["--kek-env", "TEST_KEK"], launch)
        assertRefused(ended, says)
        assert.notInclude(ended.stderr, bytes.subarray(1).toString("base64"))
      }
      const both = ["--kek-env", "TEST_KEK", "--kek-file", kekFile]
      const ended = yield* started(directory, both, inVariable(bytes.toString("base64")))
      assertRefused(ended, /--kek-file and --kek-env were both given/)

      // The same key from either source opens what was sealed.
      const launch = inVariable(bytes.toString("base64"))
      const node = yield* NodeProcess.start(
        [
          ...["serve", "--data-dir", directory, "--name", nodeName],
          ...["--listen", "127.0.0.1:0", "--kek-env", "TEST_KEK"]
        ],
        launch
      )
      const { listen } = JSON.parse(yield* node.firstLine) as { readonly listen: string }
      const [host, port] = listen.split(":")
      const client = yield* RpcClientSocket.connect({ host: host!, port: Number(port) })
      yield* client.enableStorageEnvelope
      yield* client.put("k", "v")
      yield* stop(node, "SIGTERM")
      const again = yield* serve({ directory, kekFile, nodeName })
      const reader = yield* RpcClientSocket.connect(again.endpoint)
      assert.strictEqual(Buffer.from((yield* reader.get("k"))!.value).toString(), "v")
      yield* stop(again, "SIGTERM")
    })
  )
})

describe("sealog serve and the place of its data (SPEC §17)", () => {
  it.live("refuses a directory that another process has locked", () =>
    Effect.gen(function* () {
      const options = yield* fresh
      const node = yield* serve(options)
      const ended = yield* started(options.directory, ["--kek-file", options.kekFile])
      assertRefused(ended, /is in use by another process; stop it first/)
      yield* stop(node, "SIGTERM")
    })
  )

  it.live("refuses a mount that ignores syncs, and makes nothing in it", (context) =>
    Effect.gen(function* () {
      const mounted = yield* Mount.volatileOverlay
      if (typeof mounted === "string") return context.skip(`no overlay here, reason: ${mounted}`)
      const ended = yield* started(mounted.path, [])
      assertRefused(ended, /cannot make a commit durable \(mount\): .*volatile/)
      assert.deepStrictEqual(readdirSync(mounted.path), ["LOCK"])
    })
  )

  it.live("refuses a file system that has become read-only", (context) =>
    Effect.gen(function* () {
      const mounted = yield* Mount.tmpfs({ sizeMebibytes: 512 })
      if (typeof mounted === "string") return context.skip(`no tmpfs here, reason: ${mounted}`)
      const directory = join(mounted.path, "data")
      yield* stop(yield* serve({ directory, nodeName: "a" }), "SIGTERM")
      assert.isUndefined(yield* mounted.remount("ro"))
      assertRefused(
        yield* started(directory, []),
        /cannot make a commit durable \(write and sync a file\): .*EROFS/
      )
      assert.isUndefined(yield* mounted.remount("rw"))
      yield* stop(yield* serve({ directory, nodeName: "a" }), "SIGTERM")
    })
  )

  for (const errno of ["EINVAL", "EOPNOTSUPP", "EIO"]) {
    itTraced(`refuses a file system whose fsync answers ${errno}`, () =>
      Effect.gen(function* () {
        const directory = join(yield* Process.temporaryDirectory, "data")
        // There already: else its creation would fail first.
        mkdirSync(directory, { mode: 0o700 })
        const inject = `fsync:error=${errno}`
        const launch = Strace.launch({ output: "/dev/null", calls: ["fsync"], inject })
        const ended = yield* started(directory, [], launch)
        assertRefused(ended, /cannot make a commit durable \(write and sync a file\): .*fsync/)
      })
    )
  }
})
