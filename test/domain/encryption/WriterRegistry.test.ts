import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { Registration } from "../../../src/domain/encryption/Registration.ts"
import * as WriterRegistry from "../../../src/domain/encryption/WriterRegistry.ts"
import { NodeName, OpeningId, WriterId } from "../../../src/domain/Ids.ts"
import * as Limits from "../../../src/domain/Limits.ts"
import { int } from "../bytes/Decoding.ts"
import * as Samples from "./Samples.ts"

const { epoch, key } = Samples
const id = (value: number) => WriterId.make(value)

const registration: Registration = {
  keyId: key(9),
  ...Samples.writer,
  epoch: epoch(4),
  openingId: Samples.openingId
}
const other = { ...registration, incarnation: Samples.otherIncarnation }

/** The registry after these registrations. */
const registryAfter = (...registrations: ReadonlyArray<Registration>) =>
  registrations.reduce(
    (registry, each) => WriterRegistry.register(registry, each).registry,
    WriterRegistry.empty
  )

/** Registers, and expects the registry unchanged, as the very same object. */
function refuses(registry: WriterRegistry.WriterRegistry, each: Registration) {
  const transition = WriterRegistry.register(registry, each)
  expect(transition.registry).toBe(registry)
  return transition.outcome
}

describe("WriterRegistry", () => {
  it("allocates ids from 1 up, one to each name and incarnation, and finds them again", () => {
    const renamed = { ...registration, nodeName: NodeName.make("n2") }
    const registry = registryAfter(registration, other, renamed)
    expect(WriterRegistry.writerIdOf(registry, registration)).toBe(1)
    expect(WriterRegistry.writerIdOf(registry, other)).toBe(2)
    expect(WriterRegistry.writerIdOf(registry, renamed)).toBe(3)
    const again = WriterRegistry.allocate(registry, other)
    expect(again.outcome).toEqual({ _tag: "Allocated", writerId: 2 })
    expect(again.registry).toBe(registry)
  })

  it("inserts a row for the first epoch under a DEK", () => {
    const { outcome, registry } = WriterRegistry.register(WriterRegistry.empty, registration)
    expect(outcome).toEqual({ _tag: "Inserted", writerId: 1 })
    expect(WriterRegistry.rowOf(registry, { keyId: key(9), writerId: id(1) })).toEqual({
      keyId: 9,
      writerId: 1,
      firstEpoch: 4,
      lastEpoch: 4,
      openingId: Samples.openingId
    })
    const { outcome: underOther } = WriterRegistry.register(registry, {
      ...registration,
      keyId: key(3),
      epoch: epoch(1)
    })
    expect(underOther).toEqual({ _tag: "Inserted", writerId: 1 })
  })

  it("advances to a greater epoch, keeping the first", () => {
    const next = { ...registration, epoch: epoch(9), openingId: Samples.otherOpeningId }
    const { outcome, registry } = WriterRegistry.register(registryAfter(registration), next)
    expect(outcome).toEqual({ _tag: "Advanced", writerId: 1 })
    expect(registry.rows).toEqual([
      {
        keyId: 9,
        writerId: 1,
        firstEpoch: 4,
        lastEpoch: 9,
        openingId: Samples.otherOpeningId
      }
    ])
  })

  it("changes nothing for the same epoch of the same opening", () => {
    expect(refuses(registryAfter(registration), registration)).toEqual({
      _tag: "Unchanged",
      writerId: 1
    })
  })

  it("refuses the same epoch of another opening, and every smaller one", () => {
    const registry = registryAfter(registration)
    const rollback = { _tag: "LocalEpochRollback", writerId: 1, lastEpoch: 4 }
    const cloned = { ...registration, openingId: Samples.otherOpeningId }
    expect(refuses(registry, cloned)).toEqual(rollback)
    expect(refuses(registry, { ...registration, epoch: epoch(3) })).toEqual(rollback)
    expect(refuses(registry, { ...cloned, epoch: epoch(1) })).toEqual(rollback)
  })

  it("only allocates for epoch 0, a registration on behalf of another node", () => {
    const onBehalf = { ...registration, epoch: epoch(0) }
    const { outcome, registry } = WriterRegistry.register(WriterRegistry.empty, onBehalf)
    expect(outcome).toEqual({ _tag: "Allocated", writerId: 1 })
    expect(registry.rows).toEqual([])
    expect(refuses(registryAfter(registration), onBehalf)).toEqual({
      _tag: "Allocated",
      writerId: 1
    })
  })

  it("refuses the writer after the 65535th", () => {
    const writers = Array.from({ length: Limits.writerIdMax }, (_, at) => ({
      writerId: id(at + 1),
      nodeName: NodeName.make(`n${at}`),
      incarnation: Samples.otherIncarnation
    }))
    const full = { writers, rows: [] }
    expect(refuses(full, registration)).toEqual({ _tag: "WriterIdsExhausted" })
    const last = WriterRegistry.allocate({ writers: writers.slice(1), rows: [] }, Samples.writer)
    expect(last.outcome).toEqual({ _tag: "Allocated", writerId: 65535 })
  })

  it("asks for a rotation when an epoch under that DEK passes the mark", () => {
    const at = (value: number) => registryAfter({ ...registration, epoch: epoch(value) })
    expect(WriterRegistry.needsRotation(at(0xff00), key(9))).toBe(false)
    expect(WriterRegistry.needsRotation(at(0xff01), key(9))).toBe(true)
    expect(WriterRegistry.needsRotation(at(0xff01), key(8))).toBe(false)
  })

  const anyRegistration = Schema.Struct({
    node: int(0, 2),
    keyId: int(1, 2),
    epoch: int(0, 4),
    opening: int(0, 2)
  })
  it.prop(
    "gives one (DEK, writer, epoch) to one opening only, and one id to one identity for ever",
    { steps: Schema.Array(anyRegistration) },
    ({ steps }) => {
      let registry = WriterRegistry.empty
      const holders = new Map<string, string>()
      const ids = new Map<string, number>()
      for (const step of steps) {
        const nodeName = NodeName.make(`n${step.node}`)
        const openingId = OpeningId.make(`${step.node}${step.opening}`.padEnd(32, "0"))
        const each = {
          ...registration,
          nodeName,
          keyId: key(step.keyId),
          epoch: epoch(step.epoch),
          openingId
        }
        const before = registry
        const { outcome, registry: next } = WriterRegistry.register(registry, each)
        registry = next
        if (outcome._tag === "WriterIdsExhausted") throw new Error("ids for three nodes suffice")
        expect(ids.get(nodeName) ?? outcome.writerId).toBe(outcome.writerId)
        ids.set(nodeName, outcome.writerId)
        if (
          outcome._tag === "Inserted" ||
          outcome._tag === "Advanced" ||
          outcome._tag === "Unchanged"
        ) {
          // May seal: nobody else ever did with this writer and epoch under this DEK.
          const place = `${step.keyId}/${outcome.writerId}/${step.epoch}`
          expect(holders.get(place) ?? openingId).toBe(openingId)
          holders.set(place, openingId)
        } else if (outcome._tag === "LocalEpochRollback") expect(registry).toBe(before)
      }
      expect(registry.rows).toEqual(registry.rows.toSorted(WriterRegistry.compareRows))
      expect(new Set(ids.values()).size).toBe(ids.size)
    },
    { arbitrary: { runs: 400, seed: 34, size: 40 } }
  )
})
