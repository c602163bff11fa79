/**
 * Frames on a connection between two members: a length, a type, a body (SPEC §9).
 *
 * What must never happen here: memory taken for a length before it was checked, bytes of one frame read
 * as another's, a frame copied that arrived in one piece. Proof: `Frame.test.ts`.
 *
 * Shape: `length(4) ‖ type(1) ‖ body`; the length is that of type and body.
 */
import * as Result from "effect/Result"
import { ByteQueue } from "../bytes/ByteQueue.ts"
import { Malformed } from "../bytes/Errors.ts"
import * as Limits from "../Limits.ts"

/**
 * What the body is. The first frame says what the connection is for: `hello` for messages,
 * `introduction` of a node that wants to become a member, `transfer` of a snapshot, which is as much a
 * greeting as a hello. The first answer is `welcome`, `admission` or `refusal`. On a connection for a
 * snapshot `messages` with its one message follows, then `chunk`s, then `end`; the receiver says `alive`
 * from time to time and the `outcome` at last. A leader's `challenge` is answered with a `capability`.
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
  outcome: 11,
  challenge: 12,
  capability: 13
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
  private readonly waiting = new ByteQueue()

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
    const { waiting } = this
    waiting.push(bytes)
    const frames: Array<Frame> = []
    while (waiting.length >= headerBytes) {
      const head = waiting.peek(headerBytes)
      const length = head.readUInt32BE(0)
      if (length < 1 || length > this.bytesMax) return refused("outOfRange", 0)
      const type = names.get(head[4]!)
      if (type === undefined) return refused("unknownTag", 4)
      if (waiting.length < 4 + length) break
      frames.push({ type, body: waiting.take(4 + length).subarray(headerBytes) })
    }
    return Result.succeed(frames)
  }
}

const refused = (reason: Malformed["reason"], offset: number) =>
  Result.fail(new Malformed({ format: "frame", reason, offset }))
