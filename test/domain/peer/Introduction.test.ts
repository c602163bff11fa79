import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { Incarnation, NodeName } from "../../../src/domain/Ids.ts"
import * as Introduction from "../../../src/domain/peer/Introduction.ts"
import { describeTotalDecoder, hex } from "../bytes/Decoding.ts"

const joining: Introduction.Introduction = {
  nodeName: NodeName.make("n4"),
  incarnation: Incarnation.make("202122232425262728292a2b2c2d2e2f"),
  address: { host: "::1", port: 71 },
  listDigest: undefined,
  hasKek: true,
  softwareVersion: "0.1.0"
}
const bootstrapping: Introduction.Introduction = {
  ...joining,
  address: { host: "127.0.0.1", port: 9000 },
  listDigest: "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
  hasKek: false
}

// By hand from the layout in Introduction.ts.
const joiningBytes = hex(`5345414c4f4749 01 02 6e34 202122232425262728292a2b2c2d2e2f
  08 5b3a3a315d3a3731 00000000000000000000000000000000 01 05 302e312e30`)
const bootstrappingBytes = hex(`5345414c4f4749 01 02 6e34 202122232425262728292a2b2c2d2e2f
  0e 3132372e302e302e313a39303030 f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff 00 05 302e312e30`)

const reasonOf = (bytes: Uint8Array) => {
  const read = Introduction.decode(bytes)
  return Result.isFailure(read) ? read.failure.reason : undefined
}

describe("an introduction", () => {
  it("is the golden bytes", () => {
    expect(Introduction.encode(joining)).toEqual(joiningBytes)
    expect(Introduction.encode(bootstrapping)).toEqual(bootstrappingBytes)
    expect(Result.getOrThrow(Introduction.decode(joiningBytes))).toEqual(joining)
    expect(Result.getOrThrow(Introduction.decode(bootstrappingBytes))).toEqual(bootstrapping)
  })

  it("of another version is told from one that is damaged", () => {
    const later = Buffer.from(joiningBytes)
    later[7] = 2
    expect(reasonOf(later)).toBe("unknownVersion")
    expect(reasonOf(hex("474554202f"))).toBe("truncated")
    expect(reasonOf(Buffer.from("GET / HTTP/1.1\r\n"))).toBe("unknownTag")
  })

  it("has an address that can be dialled, and spells it in one way", () => {
    for (const address of ["127.0.0.1:0", "127.0.0.1", "127.0.0.1:09", "::1:71", "x"]) {
      const bytes = Buffer.concat([
        joiningBytes.subarray(0, 27),
        Buffer.from([address.length]),
        Buffer.from(address),
        joiningBytes.subarray(36)
      ])
      expect(reasonOf(bytes)).toBe("outOfRange")
    }
  })

  it("is never longer than its bound", () => {
    const longest = Introduction.encode({
      ...joining,
      nodeName: NodeName.make("n".repeat(64)),
      address: { host: "h".repeat(249), port: 65535 },
      softwareVersion: "9".repeat(64)
    })
    expect(longest).toHaveLength(Introduction.bytesMax)
    expect(Result.isSuccess(Introduction.decode(longest))).toBe(true)
  })
})

describeTotalDecoder("introduction", {
  decode: Introduction.decode,
  encode: Introduction.encode,
  valid: [joiningBytes, bootstrappingBytes],
  failures: ["Malformed"],
  isDelimited: true
})
