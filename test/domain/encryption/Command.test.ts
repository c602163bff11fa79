import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Command from "../../../src/domain/encryption/Command.ts"
import { Incarnation, NodeName } from "../../../src/domain/Ids.ts"
import { bytesOf, describeTotalDecoder, failureOf, hex, int } from "../bytes/Decoding.ts"
import * as Samples from "./Samples.ts"

const storage = { keyId: Samples.key(1), wrapped: hex("aabb") }
const raft = { keyId: Samples.key(0xa1b2c3d4), wrapped: hex("cc") }
const writers = [
  Samples.writer,
  { nodeName: NodeName.make("b.c_-"), incarnation: Samples.otherIncarnation }
]

// Written by hand from the layout in Command.ts.
const golden: ReadonlyArray<readonly [Command.Command, Buffer]> = [
  [
    { _tag: "Bootstrap", storage, raft, writers },
    hex(`04 00000001 0002 aabb  a1b2c3d4 0001 cc  0002
      02 6e31 202122232425262728292a2b2c2d2e2f
      05 622e635f2d 303132333435363738393a3b3c3d3e3f`)
  ],
  [
    { _tag: "Bootstrap", storage, raft, writers: [] },
    hex("04 00000001 0002 aabb a1b2c3d4 0001 cc 0000")
  ],
  [
    { _tag: "Rotate", purpose: "storage", replaces: Samples.key(0x0000beef), ...storage },
    hex("05 01 01 0000beef 00000001 0002 aabb")
  ],
  [
    { _tag: "Rotate", purpose: "raft", replaces: Samples.key(0xfffffffe), ...raft },
    hex("05 01 02 fffffffe a1b2c3d4 0001 cc")
  ],
  [
    { _tag: "Rewrap", keys: [storage, raft] },
    hex("05 02 0002 00000001 0002 aabb a1b2c3d4 0001 cc")
  ],
  [{ _tag: "Retire", keyId: storage.keyId }, hex("05 03 00000001")],
  [{ _tag: "EnableStorageEnvelope", storageKeyId: storage.keyId }, hex("05 04 00000001")],
  [{ _tag: "EnableRaftEnvelope", raftKeyId: raft.keyId }, hex("05 05 a1b2c3d4")]
]

const delivery = Schema.Struct({ keyId: int(1, 0xffffffff), wrapped: Schema.NonEmptyString })
const writer = Schema.Struct({ nodeName: NodeName, incarnation: Incarnation })

describe("encryption command", () => {
  it("is the golden bytes", () => {
    for (const [command, bytes] of golden) {
      expect(Command.encode(command)).toEqual(bytes)
      expect(Result.getOrThrow(Command.decode(bytes))).toEqual(command)
    }
  })

  it.prop(
    "round-trips a bootstrap",
    { storage: delivery, raft: delivery, writers: Schema.Array(writer) },
    ({ raft, storage, writers }) => {
      const deliver = ({ keyId, wrapped }: typeof storage) => ({
        keyId: Samples.key(keyId),
        wrapped: Buffer.from(wrapped)
      })
      const command = {
        _tag: "Bootstrap" as const,
        storage: deliver(storage),
        raft: deliver(raft),
        writers
      }
      expect(Result.getOrThrow(Command.decode(Command.encode(command)))).toEqual(command)
    },
    { arbitrary: { runs: 200, seed: 31 } }
  )

  it("tells a marker by two bytes, and takes nothing else for one", () => {
    for (const [command, bytes] of golden) {
      expect(Command.isEnableRaftEnvelope(bytes)).toBe(command._tag === "EnableRaftEnvelope")
    }
    expect(Command.isEnableRaftEnvelope(hex(""))).toBe(false)
    expect(Command.isEnableRaftEnvelope(hex("05"))).toBe(false)
    // A raft envelope begins with 0x01, a client's request with 0x00 or 0x01.
    expect(Command.isEnableRaftEnvelope(hex("01 05"))).toBe(false)
  })

  it("refuses key id 0, an unknown purpose, and a wrapped key out of bounds", () => {
    const refused = (digits: string) => failureOf(Command.decode(hex(digits)))
    for (const digits of ["05 05 00000000", "05 04 00000000", "05 03 00000000"]) {
      expect(refused(digits)).toMatchObject({ reason: "outOfRange", offset: 2 })
    }
    for (const purpose of ["00", "03"]) {
      const failure = refused(`05 01 ${purpose} 00000009 00000001 0001 aa`)
      expect(failure).toMatchObject({ reason: "unknownTag", offset: 2 })
    }
    expect(refused("05 01 01 00000009 00000001 0000")).toMatchObject({ reason: "outOfRange" })
    expect(refused(`05 01 01 00000009 00000001 0401 ${"aa".repeat(1025)}`)).toMatchObject({
      reason: "outOfRange"
    })
    const noKey = { _tag: "Retire", keyId: Samples.key(0) } as const
    expect(() => Command.encode(noKey)).toThrow("no key")
    const wrapped = new Uint8Array(1025)
    const rotate = { _tag: "Rotate", purpose: "raft", replaces: Samples.key(9), ...raft } as const
    expect(() => Command.encode({ ...rotate, wrapped })).toThrow()
    expect(() => Command.encode({ ...rotate, replaces: Samples.key(0) })).toThrow("no key")
    expect(refused("05 01 02 00000000 00000001 0001 aa")).toMatchObject({ reason: "outOfRange" })
  })

  it("refuses node names nobody could have chosen", () => {
    const withName = (digits: string) =>
      Command.decode(hex(`04 00000001 0001 aa 00000002 0001 bb 0001 ${digits} ${"00".repeat(16)}`))
    expect(Result.isSuccess(withName("01 61"))).toBe(true)
    for (const digits of ["01 20", "02 61c3", `41 ${"61".repeat(65)}`]) {
      expect(failureOf(withName(digits))).toMatchObject({ reason: "outOfRange" })
    }
  })

  it("names the opcode or sub-tag it does not know", () => {
    expect(failureOf(Command.decode(hex("02 00")))).toMatchObject({
      _tag: "UnknownOpcode",
      opcode: 2
    })
    const newer = failureOf(Command.decode(hex("05 06 00")))
    expect(newer).toMatchObject({ _tag: "UnknownOpcode", opcode: 5, subTag: 6 })
    expect(newer.message).toContain("upgrade this node")
  })

  it("gives wrapped keys as views", () => {
    const bytes = Buffer.from(golden[2]![1])
    const command = Result.getOrThrow(Command.decode(bytes))
    if (command._tag !== "Rotate") throw new Error("a rotation was encoded")
    expect(command.wrapped.buffer).toBe(bytes.buffer)
    expect(bytesOf(command.wrapped)).toEqual(Uint8Array.of(0xaa, 0xbb))
  })
})

describeTotalDecoder("encryption command", {
  decode: Command.decode,
  encode: Command.encode,
  valid: golden.map(([, bytes]) => bytes),
  failures: ["Malformed", "UnknownOpcode"],
  isDelimited: true
})
