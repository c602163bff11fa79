import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { onTestFinished } from "vitest"
import { KvStore, MemoryDisk, NodeName, NodeStatus, Replica, Sealog } from "../../src/index.ts"
import { kek } from "../support/MemoryNode.ts"
import { text } from "../support/NodeCalls.ts"

const named = (name: string) => ({ nodeName: NodeName.make(name) })

const inMemory = (name: string, disk = new MemoryDisk()) =>
  Sealog.layerKvMemory({ disk, ...named(name) })

const onLmdb = (name: string) => {
  const directory = mkdtempSync(join(tmpdir(), "sealog-two-"))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return Sealog.layerKv({ directory, ...named(name) })
}

const ready = Effect.flatMap(Replica, (replica) => replica.caughtUp)
const put = (value: string) =>
  Effect.flatMap(KvStore, (store) => store.put(text("key"), text(value)))
const get = Effect.flatMap(KvStore, (store) => store.get(text("key"))).pipe(
  Effect.map((found) => (found === undefined ? undefined : Buffer.from(found.value).toString()))
)
const nodeName = Effect.map(NodeStatus, (status) => status.read().nodeName)

describe("two nodes in one program", () => {
  it.live.each([
    ["in memory", inMemory],
    ["on LMDB", onLmdb]
  ] as const)("%s are two nodes, each with its own name and data", ([, nodeOf]) =>
    Effect.gen(function* () {
      const provider = kek()
      const one = nodeOf("one").pipe(Layer.provide(provider))
      const two = nodeOf("two").pipe(Layer.provide(provider))
      yield* Effect.gen(function* () {
        yield* ready
        yield* put("of one")
        yield* Effect.gen(function* () {
          expect(yield* nodeName).toBe("two")
          yield* ready
          expect(yield* get).toBeUndefined()
          yield* put("of two")
        }).pipe(Effect.provide(two))
        expect(yield* nodeName).toBe("one")
        expect(yield* get).toBe("of one")
      }).pipe(Effect.provide(one))
    })
  )

  it.live("one layer in two places of a program is one node", () =>
    Effect.gen(function* () {
      const node = inMemory("one").pipe(Layer.provide(kek()))
      const opensIt = Layer.effectDiscard(ready).pipe(Layer.provide(node))
      yield* Effect.gen(function* () {
        expect(yield* Effect.provide(nodeName, node)).toBe("one")
        expect((yield* NodeStatus).read().bootCount).toBe(1)
      }).pipe(Effect.provide(Layer.provideMerge(opensIt, node)))
    })
  )
})
