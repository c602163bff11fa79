/**
 * Frames on a connection between two members: a length, a type, a body (SPEC §9).
 *
 * What must never happen here: memory taken for a length before it was checked, bytes of one frame read
 * as another's, a frame copied that arrived in one piece. Proof: `Frame.test.ts`.
 *
 * Shape: `length(4) ‖ type(1) ‖ body`; the length is that of type and body.
 */
import * as Result from "effect/Result"
import { asBuffer } from "../bytes/ByteReader.ts"
import { Malformed } from "../bytes/Errors.ts"
import * as Limits from "../Limits.ts"

/**
 * What the body is. The first frame says what the connection is for: `hello` for messages,
 * `introduction` of a node that wants to become a member, `transfer` of a snapshot, which is as much a
 * greeting as a hello. The first answer is `welcome`, `admission` or `refusal`. On a connection for a
 * snapshot `messages` with its one message follows, then `chunk`s, then `end`; the receiver says `alive`
 * from time to time and the `outcome` at last.
 */
export const types = {
  hello: 1,
  welcome: 2,
  refusal: 3,
  messages: 4,
  introduction: 5,
  admission: 6,
  transfer: 7,
  chunk: 8,
  end: 9,
  alive: 10,
  outcome: 11
} as const
export type FrameType = keyof typeof types

export interface Frame {
  readonly type: FrameType
  readonly body: Buffer
}

/** Bytes before the body. */
export const headerBytes = 5

const names = new Map<number, FrameType>(
  Object.entries(types).map(([name, code]) => [code, name as FrameType])
)

/** The header of a frame whose body is sent after it. */
export function header(type: FrameType, bodyBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes)
  bytes.writeUInt32BE(bodyBytes + 1, 0)
  bytes.writeUInt8(types[type], 4)
  return bytes
}

/** Mutable: one per connection and direction. After a failure the connection is of no more use. */
export class FrameReader {
  private bytesMax: number
  private chunks: Array<Buffer> = []
  private buffered = 0

  /** `bytesMax`: of type and body; before a peer is known, less is allowed than after. */
  constructor({ bytesMax = Limits.frameBytesMax }: { readonly bytesMax?: number } = {}) {
    this.bytesMax = bytesMax
  }

  /** From now on frames of this size are taken: the peer is known. */
  allow(bytesMax: number): void {
    this.bytesMax = bytesMax
  }

  /** The frames that these bytes complete; their bodies are views where no copy is needed. */
  push(bytes: Uint8Array): Result.Result<ReadonlyArray<Frame>, Malformed> {
    this.chunks.push(asBuffer(bytes))
    this.buffered += bytes.length
    const frames: Array<Frame> = []
    while (this.buffered >= headerBytes) {
      const head = this.peek(headerBytes)
      const length = head.readUInt32BE(0)
      if (length < 1 || length > this.bytesMax) return refused("outOfRange", 0)
      const type = names.get(head[4]!)
      if (type === undefined) return refused("unknownTag", 4)
      if (this.buffered < 4 + length) break
      frames.push({ type, body: this.take(4 + length).subarray(headerBytes) })
    }
    return Result.succeed(frames)
  }

  /** The first bytes, which are there; they stay. */
  private peek(count: number): Buffer {
    const first = this.chunks[0]!
    return first.length >= count ? first : this.copied(count)
  }

  /** The first bytes, which are there, and are gone from here. */
  private take(count: number): Buffer {
    const first = this.chunks[0]!
    const bytes = first.length >= count ? first.subarray(0, count) : this.copied(count)
    let left = count
    let taken = 0
    while (left > 0 && this.chunks[taken]!.length <= left) left -= this.chunks[taken++]!.length
    this.chunks.splice(0, taken)
    if (left > 0) this.chunks[0] = this.chunks[0]!.subarray(left)
    this.buffered -= count
    return bytes
  }

  /** No more than is asked for is copied: what follows may be as large again. */
  private copied(count: number): Buffer {
    const bytes = Buffer.allocUnsafe(count)
    let filled = 0
    for (const chunk of this.chunks) {
      filled += chunk.copy(bytes, filled)
      if (filled === count) break
    }
    return bytes
  }
}

const refused = (reason: Malformed["reason"], offset: number) =>
  Result.fail(new Malformed({ format: "frame", reason, offset }))
