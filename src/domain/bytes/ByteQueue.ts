/**
 * Bytes that arrive in pieces of any size and are taken from the front in sizes of the reader's choice.
 *
 * Why it exists: a sender chooses the pieces. Kept as they come, a frame in single bytes would take some
 * hundred times its size, and empty pieces would be kept for ever. What must never happen here: memory
 * far beyond the bytes that wait, bytes that were handed out changed later, a copy of a large piece that
 * is taken whole. Proof: `ByteQueue.test.ts`.
 */
import { asBuffer } from "./ByteReader.ts"

/** A smaller piece is copied behind those that wait. */
const smallBytes = 1024
/** Small pieces are gathered in blocks of this size. */
const blockBytes = 16 * 1024

/** Mutable: one per stream. */
export class ByteQueue {
  private readonly pieces: Array<Buffer> = []
  /** The block that is being filled, and how much of it is. */
  private block: Buffer | undefined = undefined
  private blockUsed = 0
  private bytes = 0

  /** Bytes that wait. */
  get length(): number {
    return this.bytes
  }

  /** What the bytes are kept in; few, however they came. */
  get pieceCount(): number {
    return this.pieces.length
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.bytes += bytes.length
    const isGathered = this.pieces.length > 0 && bytes.length < smallBytes
    if (isGathered) this.gather(bytes)
    else this.pieces.push(asBuffer(bytes))
  }

  /** The first `count` bytes, which are there; they stay. */
  peek(count: number): Buffer {
    const first = this.pieces[0]
    if (first === undefined || first.length >= count) return (first ?? none).subarray(0, count)
    return this.copied(count)
  }

  /** The first `count` bytes, which are there, and are gone from here. */
  take(count: number): Buffer {
    const taken = this.peek(count)
    let left = count
    let whole = 0
    while (left > 0 && this.pieces[whole]!.length <= left) left -= this.pieces[whole++]!.length
    this.pieces.splice(0, whole)
    if (left > 0) this.pieces[0] = this.pieces[0]!.subarray(left)
    this.bytes -= count
    return taken
  }

  /** Behind the last piece, if that ends where the block is filled to; else as a piece of the block. */
  private gather(bytes: Uint8Array): void {
    let { block } = this
    if (block === undefined || block.length - this.blockUsed < bytes.length) {
      block = Buffer.allocUnsafeSlow(blockBytes)
      this.block = block
      this.blockUsed = 0
    }
    const from = this.blockUsed
    block.set(bytes, from)
    this.blockUsed += bytes.length
    const last = this.pieces.at(-1)!
    const isBehind = last.buffer === block.buffer && last.byteOffset + last.length === from
    if (isBehind)
      this.pieces[this.pieces.length - 1] = block.subarray(last.byteOffset, this.blockUsed)
    else this.pieces.push(block.subarray(from, this.blockUsed))
  }

  /** No more than is asked for is copied: what follows may be as large again. */
  private copied(count: number): Buffer {
    const bytes = Buffer.allocUnsafe(count)
    let filled = 0
    for (const piece of this.pieces) {
      filled += piece.copy(bytes, filled)
      if (filled === count) break
    }
    return bytes
  }
}

const none = Buffer.alloc(0)
