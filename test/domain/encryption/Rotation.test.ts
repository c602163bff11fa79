/** What the leader answers to who wants a DEK rotated, before anything is proposed (SPEC §18). */
import { describe, expect, it } from "@effect/vitest"
import * as Rotation from "../../../src/domain/encryption/Rotation.ts"
import * as SidecarState from "../../../src/domain/encryption/SidecarState.ts"
import * as Limits from "../../../src/domain/Limits.ts"
import { hex } from "../bytes/Decoding.ts"
import * as Samples from "./Samples.ts"

const { index, key } = Samples
const deliver = (id: number) => ({ keyId: key(id), wrapped: hex("aabb") })

/** Storage key 7 and raft key 3, both of index 1. */
const bootstrapped = SidecarState.bootstrap(
  SidecarState.initial(Samples.clusterId),
  { storage: deliver(7), raft: deliver(3) },
  { index: index(1) }
).state

/** Raft key 3 was replaced by 5 at index 4. */
const rotated = SidecarState.rotate(
  bootstrapped,
  { purpose: "raft", replaces: key(3), ...deliver(5) },
  { index: index(4) }
).state

const raft3 = { purpose: "raft", replaces: key(3) } as const
const storage7 = { purpose: "storage", replaces: key(7) } as const

const decide = (
  sidecar: SidecarState.SidecarState,
  asked: Rotation.Asked,
  isBarrierClosed = false
) => Rotation.decide({ sidecar, isBarrierClosed }, asked)

const refusalOf = (decision: Rotation.Decision) =>
  decision._tag === "Refused" ? decision.refusal : undefined

describe("Rotation", () => {
  it("of the active key goes on", () => {
    expect(decide(bootstrapped, raft3)).toEqual({ _tag: "Rotate" })
    expect(decide(rotated, storage7)).toEqual({ _tag: "Rotate" })
    expect(decide(rotated, { purpose: "raft", replaces: key(5) })).toEqual({ _tag: "Rotate" })
  })

  it("of a key that was replaced is done: by the active key, of its index", () => {
    expect(decide(rotated, raft3)).toEqual({ _tag: "AlreadyRotated", keyId: 5, index: 4 })
    expect(decide(rotated, raft3, true)._tag).toBe("AlreadyRotated")
    expect(Rotation.rotatedOf(bootstrapped, raft3)).toBeUndefined()
    expect(Rotation.rotatedOf(rotated, storage7)).toBeUndefined()
  })

  it("before there are keys is refused, whatever key is named", () => {
    const none = SidecarState.initial(Samples.clusterId)
    for (const replaces of [key(0), key(3)]) {
      const refusal = refusalOf(decide(none, { purpose: "raft", replaces }))
      expect(refusal).toMatchObject({ _tag: "EncryptionNotBootstrapped" })
    }
  })

  it("of a key that is not known, or of the other purpose, is refused and names it", () => {
    for (const replaces of [key(7), key(8)]) {
      const refusal = refusalOf(decide(rotated, { purpose: "raft", replaces }))
      expect(refusal).toMatchObject({ _tag: "DekUnknown", purpose: "raft", keyId: replaces })
      expect(refusal?.message).toContain(`${replaces}`)
    }
  })

  it("in a cutover is refused for the raft key, which the marker names, and for no other", () => {
    expect(refusalOf(decide(bootstrapped, raft3, true))).toMatchObject({ _tag: "CutoverInFlight" })
    expect(decide(bootstrapped, storage7, true)).toEqual({ _tag: "Rotate" })
  })

  it("beyond the keys a sidecar may hold is refused", () => {
    const [first] = rotated.keys
    const keys = Array.from({ length: Limits.dataKeysMax - 3 }, (_, at) => ({
      ...first!,
      id: key(100 + at)
    }))
    const full = { ...rotated, keys: [...rotated.keys, ...keys] }
    expect(refusalOf(decide(full, storage7))).toMatchObject({ _tag: "TooManyDeks", countMax: 1024 })
    expect(decide(full, raft3)._tag, "nothing is added").toBe("AlreadyRotated")
    const room = { ...full, keys: full.keys.slice(0, -1) }
    expect(decide(room, storage7)).toEqual({ _tag: "Rotate" })
  })
})
