/**
 * No key, no value, and no bytes of a KEK or a DEK in the log or the metrics of a node (SPEC §4), at
 * the most talkative level, through all phases and through every failure a node reports.
 */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import * as References from "effect/References"
import type { GroupId } from "../../src/domain/Ids.ts"
import * as EntryRecord from "../../src/domain/log/EntryRecord.ts"
import { keyText } from "../../src/domain/state/Changes.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { Applier } from "../../src/services/Applier.ts"
import { Keystore } from "../../src/services/Keystore.ts"
import { KvStore } from "../../src/services/KvStore.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import * as Canary from "../support/Canary.ts"
import { kek, memoryNode } from "../support/MemoryNode.ts"
import {
  administer,
  cutOver,
  enableStorage,
  get,
  put,
  ready,
  status,
  text
} from "../support/NodeCalls.ts"
import { enter, type NodeServices, sealingReady, withRegistry } from "../support/Scraping.ts"

const canaryKey = "canary-key-of-a-user"
const canaryValue = "canary value nobody may read"
const groupId = 0 as GroupId
const kekByte = 0xa7

/** Everything that came out, and every secret that went in. */
class Output {
  text = ""
  readonly secrets: Record<string, Uint8Array> = {
    key: text(canaryKey),
    value: text(canaryValue),
    kek: Buffer.alloc(32, kekByte)
  }

  private readonly formats = [Logger.formatJson, Logger.formatLogFmt, Logger.formatStructured]
  readonly loggers = [
    ...this.formats.map((format) =>
      Logger.map(format as Logger.Logger<unknown, unknown>, (line) => this.add(line))
    )
  ]

  add(printed: unknown): void {
    this.text += `${typeof printed === "string" ? printed : JSON.stringify(printed)}\n`
  }
}

/** Runs `effect` on a node; what it logs, and what a scrape says at its end, is output. */
const on = <A, E, R extends NodeServices>(
  output: Output,
  disk: MemoryDisk,
  seed: number,
  effect: Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(effect)
    output.add(yield* PrometheusMetrics.format())
    const keystore = yield* Keystore
    for (const { id, purpose } of (yield* Applier).sidecar.keys) {
      const dek = keystore.get(id)
      if (dek !== undefined) output.secrets[`${purpose} DEK ${id}`] = dek.material.export()
    }
    return yield* exit
  }).pipe(
    Effect.provide(
      memoryNode({ disk, seed, kek: kek(kekByte), loggers: output.loggers }).pipe(
        Layer.provide(Layer.succeed(References.MinimumLogLevel, "Trace"))
      )
    ),
    withRegistry
  )

const everyday = Effect.gen(function* () {
  yield* put(canaryKey, canaryValue)
  yield* get(canaryKey)
  yield* get(canaryKey, { stale: true })
  const kv = yield* KvStore
  yield* kv.delete(text(canaryKey))
  yield* put(canaryKey, canaryValue)
})

const life = Effect.gen(function* () {
  yield* ready
  yield* Effect.flip(cutOver)
  yield* everyday
  yield* enableStorage
  yield* everyday
  yield* cutOver
  yield* everyday
  yield* status
})

/** Requests that are refused, each holding the canaries. */
const refusals = (disk: MemoryDisk) =>
  Effect.gen(function* () {
    yield* enter(2)
    const kv = yield* KvStore
    const tooLong = Buffer.from(canaryKey.repeat(100))
    yield* Effect.flip(kv.put(tooLong, text(canaryValue)))
    yield* Effect.flip(kv.put(text(canaryKey), Buffer.from(canaryValue.repeat(100_000))))
    const barrier = yield* QuiescenceBarrier
    barrier.close()
    yield* Effect.flip(put(canaryKey, canaryValue))
    barrier.open()
    const { freeBytes } = disk
    disk.freeBytes = 0
    yield* Effect.flip(put(canaryKey, canaryValue))
    disk.freeBytes = freeBytes
    yield* put(canaryKey, canaryValue)
    disk.flush()
    for (const tables of [disk.tables, disk.durableTables]) {
      const stored = Buffer.from(tables.kv.get(keyText(text(canaryKey)))!)
      stored[stored.length - 1]! ^= 1
      tables.kv.set(keyText(text(canaryKey)), stored)
    }
    yield* Effect.flip(get(canaryKey))
  })

const halted = Effect.flip(Effect.flatMap(RaftEngine, (engine) => engine.stopped))

/** Halts at an entry whose payload nobody understands, and which is made of canaries. */
const unknownOpcode = Effect.gen(function* () {
  yield* ready
  const payload = Buffer.concat([Buffer.from([0x7f]), text(canaryKey), text(canaryValue)])
  yield* Effect.flip(administer(payload))
  yield* halted
})

const malformed = Effect.gen(function* () {
  yield* ready
  const payload = Buffer.concat([Buffer.from([0x00]), text(canaryKey), text(canaryValue)])
  yield* Effect.flip(administer(payload))
  yield* halted
})

const faultyDisk = (disk: MemoryDisk) =>
  Effect.gen(function* () {
    yield* ready
    disk.nextLogFault = new Error("EIO")
    yield* Effect.flip(put(canaryKey, canaryValue))
    yield* halted
  })

/** The last sealed entry of a node that has lost its state is changed; it halts there again. */
const tampered = (output: Output) =>
  Effect.gen(function* () {
    const disk = new MemoryDisk()
    const index = yield* on(
      output,
      disk,
      20,
      Effect.gen(function* () {
        yield* enter(2)
        disk.flush()
        yield* put(canaryKey, canaryValue)
        return (yield* Applier).position.index
      })
    )
    disk.crash({ keptCommits: 0 })
    const entry = EntryRecord.decode(groupId, index, disk.entries.get(index)!)
    if (entry._tag === "Failure") return expect.unreachable()
    const data = Buffer.from(entry.success.data)
    data[data.length - 1]! ^= 1
    disk.entries.set(index, EntryRecord.encode(groupId, { ...entry.success, data }))
    yield* on(output, disk, 21, halted)
  })

it.effect("neither the log nor the metrics hold a key, a value or key bytes", () =>
  Effect.gen(function* () {
    const output = new Output()
    const [disk, refusing, faulty] = [new MemoryDisk(), new MemoryDisk(), new MemoryDisk()]
    yield* on(output, disk, 1, life)
    yield* on(output, disk, 2, Effect.andThen(Effect.andThen(ready, sealingReady), everyday))
    yield* on(output, refusing, 3, refusals(refusing))
    yield* on(output, new MemoryDisk(), 4, unknownOpcode)
    yield* on(output, new MemoryDisk(), 5, malformed)
    yield* on(output, faulty, 6, faultyDisk(faulty))
    yield* tampered(output)

    // It was there, and it was talkative.
    const names = Object.keys(output.secrets)
    expect(names.slice(0, 3)).toEqual(["key", "value", "kek"])
    expect(names.filter((name) => name.startsWith("raft DEK"))).toHaveLength(3)
    expect(names.filter((name) => name.startsWith("storage DEK"))).toHaveLength(3)
    for (const said of [
      ...["ApplyFailed", "LogWriteFailure", "RaftUnwrapFailed", "CutoverEnded", "SpaceBelowMark"],
      ...["unknownOpcode", "malformed", "sealog_seals_total"]
    ]) {
      expect(output.text).toContain(said)
    }
    expect(Canary.found(output.text, output.secrets)).toEqual([])
  })
)
