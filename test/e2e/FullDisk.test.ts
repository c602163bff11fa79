/**
 * SPEC §8: a real node on a disk that is really full, on a file system of the test's own. Writes are
 * refused, reads go on, and whatever happens the process never dies by a signal: that would be LMDB
 * on a full disk. Nothing that was acknowledged is lost.
 */
import { closeSync, existsSync, openSync, rmSync, statfsSync, statSync, writeSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { serveArguments } from "../../scripts/demo/NodeProcess.ts"
import * as Limits from "../../src/domain/Limits.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Mount from "../support/Mount.ts"
import * as Process from "../support/ProcessSealog.ts"

const { assertRefused, fresh, serve, stop } = Process
const { freeBytesHalt, freeBytesMin } = NodeConfigLive.defaults

const freeBytes = (path: string): number => {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** Writes a file until so much is left, or as much as goes. */
const fillTo = (path: string, leftBytes: number): void => {
  const file = openSync(join(path, "filler"), "a")
  const chunk = Buffer.alloc(Limits.mebibyte)
  try {
    for (let excess = freeBytes(path) - leftBytes; excess > 0; ) {
      excess -= writeSync(file, chunk, 0, Math.min(excess, chunk.length))
    }
  } catch (error) {
    assert.propertyVal(error, "code", "ENOSPC")
  } finally {
    closeSync(file)
  }
}

const nextTurn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))

const unfill = (path: string): void => rmSync(join(path, "filler"))

/** Takes all but a few MiB of its free space from a disk at once; tries again if it was written to. */
const shrink = Effect.fnUntraced(function* ({ path, remount }: Mount.Mounted) {
  for (;;) {
    const { bavail, blocks, bsize } = statfsSync(path)
    const complaint = yield* remount(`size=${(blocks - bavail) * bsize + 8 * Limits.mebibyte}`)
    if (complaint === undefined) return
  }
})

type Client = Effect.Success<ReturnType<typeof RpcClientSocket.connect>>

/** Writers that put their own keys one after the other until they are refused or cut off. */
class Writers {
  /** What was acknowledged: each key was given one value once. */
  readonly acknowledged = new Map<string, Buffer>()
  private readonly valueBytes: number
  private round = 0

  constructor({ valueBytes }: { readonly valueBytes: number }) {
    this.valueBytes = valueBytes
  }

  /** Returns what ended each of the writers. */
  run(client: Client, { count, atLeast = 0 }: { count: number; atLeast?: number }) {
    const round = this.round++
    const enough = Deferred.makeUnsafe<void>()
    const write = (writer: number) =>
      Effect.gen({ self: this }, function* () {
        for (let at = 0; ; at++) {
          const key = `${round}/${writer}/${at}`
          const value = Buffer.alloc(this.valueBytes, key)
          yield* client.put(key, value)
          this.acknowledged.set(key, value)
          if (this.acknowledged.size >= atLeast) yield* Deferred.succeed(enough, undefined)
        }
      }).pipe(Effect.flip)
    const writers = Array.from({ length: count }, (_, writer) => write(writer))
    return Effect.map(
      Effect.forkChild(Effect.all(writers, { concurrency: "unbounded" })),
      (fiber) => ({ enough: Deferred.await(enough), ended: Fiber.join(fiber) })
    )
  }

  readBack(client: Client) {
    return Effect.forEach(
      this.acknowledged,
      ([key, value]) =>
        Effect.map(client.get(key), (found) => {
          assert.isTrue(found !== undefined && value.equals(found.value), `${key} is kept`)
        }),
      { concurrency: 16, discard: true }
    )
  }
}

const tagsOf = (errors: ReadonlyArray<{ readonly _tag: string }>) => [
  ...new Set(errors.map(({ _tag }) => _tag))
]

/** A node on a disk of its own, or why there is none. */
const onDisk = Effect.fnUntraced(function* (sizeMebibytes: number) {
  const mounted = yield* Mount.tmpfs({ sizeMebibytes })
  if (typeof mounted === "string") return mounted
  const { kekFile, nodeName } = yield* fresh
  return { ...mounted, options: { directory: join(mounted.path, "data"), kekFile, nodeName } }
})

describe("sealog serve on a disk that fills up", () => {
  it.live(
    "refuses writes and goes on reading, down to the last byte, until there is room",
    (context) =>
      Effect.gen(function* () {
        const disk = yield* onDisk(512)
        if (typeof disk === "string") return context.skip(`no tmpfs here, reason: ${disk}`)
        const { options, path } = disk
        const node = yield* serve(options)
        const client = yield* RpcClientSocket.connect(node.endpoint)
        yield* client.enableStorageEnvelope
        const writers = new Writers({ valueBytes: 5000 })

        const running = yield* writers.run(client, { count: 16, atLeast: 200 })
        yield* running.enough
        fillTo(path, freeBytesMin - Limits.mebibyte)
        assert.deepStrictEqual(tagsOf(yield* running.ended), ["SpaceLow"])
        yield* writers.readBack(client)

        // Between the marks the administration goes on; below both it is refused as well.
        yield* client.enableRaftEnvelope
        fillTo(path, 0)
        assert.isBelow(freeBytes(path), Limits.mebibyte)
        const refused = yield* Effect.flip(client.put("k", "v"))
        assert.strictEqual(refused._tag, "SpaceLow")
        assert.match(refused.message, /bytes free on the node's disk.*free some disk space/)
        yield* writers.readBack(client)
        assert.strictEqual((yield* client.status).role, "Leader")

        // What restarts there is refused before it writes, and the dumps still read.
        unfill(path)
        yield* client.put("after", "there is room")
        yield* writers.readBack(client)
        assert.strictEqual((yield* stop(node, "SIGTERM")).code, 0)
        fillTo(path, freeBytesHalt - Limits.mebibyte)
        const { directory, kekFile, nodeName } = options
        const start = ["serve", "--data-dir", directory, "--listen", "127.0.0.1:0"]
        assertRefused(
          yield* Process.sealog(...start, "--name", nodeName, "--kek-file", kekFile),
          /only \d+ bytes are free on the disk of the data directory.*free some space/
        )
        fillTo(path, Limits.mebibyte)
        const dump = yield* Process.sealog("sidecar", "dump", "--data-dir", directory, "--json")
        assert.strictEqual(dump.code, 0, dump.stderr)

        unfill(path)
        const again = yield* serve(options)
        const reader = yield* RpcClientSocket.connect(again.endpoint)
        yield* writers.readBack(reader)
        assert.strictEqual((yield* stop(again, "SIGTERM")).code, 0)
      })
  )

  it.live("is never filled by its own writers beyond the mark", (context) =>
    Effect.gen(function* () {
      const disk = yield* onDisk(320)
      if (typeof disk === "string") return context.skip(`no tmpfs here, reason: ${disk}`)
      const { options, path } = disk
      const node = yield* serve(options)
      const client = yield* RpcClientSocket.connect(node.endpoint)
      for (const valueBytes of [64 * Limits.kibibyte, 100]) {
        const writers = new Writers({ valueBytes })
        const running = yield* writers.run(client, { count: 64 })
        assert.deepStrictEqual(tagsOf(yield* running.ended), ["SpaceLow"])
        // What is applied may not be in the state's file yet when its promise ends.
        assert.isAbove(freeBytes(path), freeBytesMin - 2 * Limits.stateWaitingBytesMax)
        yield* writers.readBack(client)
      }
      assert.strictEqual((yield* stop(node, "SIGKILL")).signal, "SIGKILL")
      const again = yield* serve(options)
      const reader = yield* RpcClientSocket.connect(again.endpoint)
      assert.strictEqual((yield* Effect.flip(reader.put("k", Buffer.alloc(1))))._tag, "SpaceLow")
      assert.strictEqual((yield* stop(again, "SIGTERM")).code, 0)
    })
  )

  it.live("that is full to the last byte is read again once its ballast is deleted", (context) =>
    Effect.gen(function* () {
      const disk = yield* onDisk(384)
      if (typeof disk === "string") return context.skip(`no tmpfs here, reason: ${disk}`)
      const { options, path } = disk
      const ballast = join(options.directory, "BALLAST")
      const ballastBytes = 64 * Limits.mebibyte
      const node = yield* serve({ ...options, ballastBytes })
      const client = yield* RpcClientSocket.connect(node.endpoint)
      yield* client.put("k", "v")
      const isWhole = () => existsSync(ballast) && statSync(ballast).size === ballastBytes
      while (!isWhole()) yield* nextTurn
      assert.strictEqual((yield* stop(node, "SIGTERM")).code, 0)

      fillTo(path, 0)
      const refused = yield* Process.sealog(...serveArguments(options))
      assertRefused(refused, /data directory \S+ cannot be used .*full/)
      rmSync(ballast)
      const again = yield* serve(options)
      const reader = yield* RpcClientSocket.connect(again.endpoint)
      assert.strictEqual(Buffer.from((yield* reader.get("k"))!.value).toString(), "v")
      assert.strictEqual((yield* Effect.flip(reader.put("k", "w")))._tag, "SpaceLow")
      unfill(path)
      yield* reader.put("k", "w")
      assert.strictEqual((yield* stop(again, "SIGTERM")).code, 0)
    })
  )

  it.live("that is full at once, in the middle of writes, ends it with 70 at worst", (context) =>
    Effect.gen(function* () {
      const disk = yield* onDisk(512)
      if (typeof disk === "string") return context.skip(`no tmpfs here, reason: ${disk}`)
      const { options } = disk
      const writers = new Writers({ valueBytes: 64 * Limits.kibibyte })
      for (let round = 0; round < 2; round++) {
        const node = yield* serve(options)
        const client = yield* RpcClientSocket.connect(node.endpoint)
        const atLeast = writers.acknowledged.size + 100
        const running = yield* writers.run(client, { count: 64, atLeast })
        yield* running.enough
        yield* shrink(disk)
        const tags = tagsOf(yield* running.ended)
        if (tags.includes("SpaceLow") && tags.length === 1) {
          // All that was admitted had been written: it lives.
          assert.strictEqual((yield* client.status).role, "Leader")
          yield* stop(node, "SIGTERM")
        } else {
          const ended = yield* node.end
          assert.strictEqual(ended.signal, null, "LMDB has met a full disk")
          assert.strictEqual(ended.code, 70, ended.stderr)
          assert.match(
            ended.stderr,
            /halted: the (log|state) could not be written .*only \d+ bytes/
          )
        }
        assert.isUndefined(yield* disk.remount("size=512m"))
      }
      const node = yield* serve(options)
      const client = yield* RpcClientSocket.connect(node.endpoint)
      yield* client.put("k", "room again")
      yield* writers.readBack(client)
      assert.strictEqual((yield* stop(node, "SIGTERM")).code, 0)
    })
  )
})
