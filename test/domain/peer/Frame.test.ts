import { describe, expect, it } from "vitest"
import * as Frame from "../../../src/domain/peer/Frame.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"
import { hex } from "../bytes/Decoding.ts"

const bytesOf = ({ body, type }: Frame.Frame): Buffer =>
  Buffer.concat([Frame.header(type, body.length), body])

/** All frames of a stream cut into these pieces, or the reason it was refused for. */
function read(pieces: ReadonlyArray<Uint8Array>, reader = new Frame.FrameReader()) {
  const frames: Array<Frame.Frame> = []
  for (const piece of pieces) {
    const pushed = reader.push(piece)
    if (pushed._tag === "Failure") return pushed.failure.reason
    // Views: what is kept of them is a copy.
    frames.push(...pushed.success.map(({ body, type }) => ({ type, body: Buffer.from(body) })))
  }
  return frames
}

describe("frames", () => {
  it("are the golden bytes", () => {
    // length 4 (type and three bytes), type 4, the body.
    expect(bytesOf({ type: "messages", body: hex("aabbcc") })).toEqual(hex("00000004 04 aabbcc"))
    expect(read([hex("00000001 03 00000002 01 ff")])).toEqual([
      { type: "refusal", body: Buffer.alloc(0) },
      { type: "hello", body: hex("ff") }
    ])
  })

  it("are the same however the stream is cut", () => {
    const numbers = seededNumbers(7)
    const types = ["hello", "welcome", "refusal", "messages"] as const
    for (let round = 0; round < 200; round++) {
      const frames = Array.from({ length: numbers.below(6) }, () => ({
        type: types[numbers.below(4)]!,
        body: Buffer.from(Array.from({ length: numbers.below(40) }, () => numbers.below(256)))
      }))
      const stream = Buffer.concat(frames.map(bytesOf))
      const pieces: Array<Buffer> = []
      for (let at = 0; at < stream.length; ) {
        const until = at + numbers.below(1 + numbers.below(50))
        pieces.push(Buffer.from(stream.subarray(at, until)))
        at = until
      }
      expect(read(pieces)).toEqual(frames)
    }
  })

  it("do not copy a body that arrived in one piece", () => {
    const stream = bytesOf({ type: "messages", body: Buffer.alloc(1000, 1) })
    const pushed = new Frame.FrameReader().push(stream)
    if (pushed._tag === "Failure") return expect.unreachable()
    expect(pushed.success[0]!.body.buffer).toBe(stream.buffer)
  })

  it("are refused by their length before any of it has come", () => {
    const reader = () => new Frame.FrameReader({ bytesMax: 100 })
    expect(read([hex("00000065 04")], reader())).toBe("outOfRange")
    expect(read([hex("ffffffff 04")], reader())).toBe("outOfRange")
    expect(read([hex("00000000 04")], reader())).toBe("outOfRange")
    expect(read([hex("00000064 04"), Buffer.alloc(99)], reader())).toHaveLength(1)
  })

  it("are refused with a type that nobody knows", () => {
    expect(read([hex("00000001 00")])).toBe("unknownTag")
    expect(read([hex("00000001 0e")])).toBe("unknownTag")
  })
})
