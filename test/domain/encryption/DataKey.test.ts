import { format, inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import { DataKey, KeyEncryptionKey } from "../../../src/domain/encryption/DataKey.ts"
import * as Samples from "./Samples.ts"

const { clusterId, keyBytes } = Samples
const identity = { id: Samples.key(7), purpose: "raft", clusterId } as const

/** Every spelling in which the bytes of a sample key could show up. */
const spellings = (bytes: Uint8Array) => [
  Buffer.from(bytes).toString("hex"),
  Buffer.from(bytes).toString("base64"),
  Buffer.from(bytes).toString("latin1"),
  [...bytes.subarray(0, 4)].join(", "),
  [...bytes.subarray(0, 4)].join(","),
  [...bytes.subarray(0, 4)].map((byte) => byte.toString(16)).join(" ")
]

describe("DataKey and KeyEncryptionKey", () => {
  it("print as <redacted>, however they are printed", () => {
    for (const key of [
      new DataKey(identity, keyBytes(0x40)),
      new KeyEncryptionKey(keyBytes(0x40))
    ]) {
      expect(String(key)).toBe("<redacted>")
      expect(`${key}`).toBe("<redacted>")
      expect(JSON.stringify({ key })).toBe('{"key":"<redacted>"}')
      expect(inspect(key)).toBe("<redacted>")
      expect(format("%s %o %O %j", key, key, key, key)).not.toMatch(/@ABC|404142/)
      expect(inspect({ nested: [key] }, { depth: 9, showHidden: true })).toContain("<redacted>")
      const prints = [
        inspect(key, { customInspect: false, showHidden: true, depth: 9 }),
        inspect(key.material, { showHidden: true, depth: 9 }),
        Cause.pretty(Cause.die(key)),
        JSON.stringify(Object.entries(key))
      ]
      for (const print of prints) {
        for (const spelling of spellings(keyBytes(0x40))) expect(print).not.toContain(spelling)
      }
    }
  })

  it("zero the bytes they were made of", () => {
    const dek = keyBytes(0x40)
    const kek = keyBytes(0x60)
    const key = new DataKey(identity, dek)
    expect(dek).toEqual(new Uint8Array(32))
    new KeyEncryptionKey(kek)
    expect(kek).toEqual(new Uint8Array(32))
    expect(new Uint8Array(key.material.export())).toEqual(keyBytes(0x40))
  })

  it("refuse bytes of a pool, whose neighbours outlive the key, and a wrong length", () => {
    const pool = new Uint8Array(64)
    expect(() => new DataKey(identity, pool.subarray(0, 32))).toThrow("buffer of their own")
    expect(() => new KeyEncryptionKey(new Uint8Array(31))).toThrow("32 bytes")
    expect(() => new DataKey({ ...identity, id: Samples.key(0) }, keyBytes(1))).toThrow("no key")
  })

  it("know which key they are", () => {
    const key = new DataKey(identity, keyBytes(0x40))
    expect([key.id, key.purpose, key.clusterId]).toEqual([7, "raft", clusterId])
    expect(key.clusterIdBytes.toString("hex")).toBe(clusterId)
  })
})
