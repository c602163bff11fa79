/**
 * The input that a decoder has now, in a file that two processes hold open: the one that runs it writes,
 * and the one that watches still reads it when the other hangs or is gone.
 */
import { mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface CurrentInput {
  /** Of the inputs so far, this one too: 0 before the first. */
  readonly count: number
  readonly number: number
  /** The beginning of it. */
  readonly bytes: Uint8Array
}

/** The descriptor under which the process that runs the decoder has the file. */
export const inherited = 3

const headBytes = 12
const bytesMax = 1024

/** A descriptor of a file that nobody else can open, and that is gone when it is closed. */
export function open(): number {
  const directory = mkdtempSync(join(tmpdir(), "sealog-fuzz-"))
  try {
    return openSync(join(directory, "input"), "w+")
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Writes each input that it is given over the one before. */
export function writer(descriptor: number): (number: number, bytes: Uint8Array) => void {
  const record = Buffer.alloc(headBytes + bytesMax)
  let count = 0
  return (number, bytes) => {
    const length = Math.min(bytes.length, bytesMax)
    count += 1
    record.writeUInt32BE(count, 0)
    record.writeUInt32BE(number, 4)
    record.writeUInt32BE(length, 8)
    record.set(bytes.subarray(0, length), headBytes)
    writeSync(descriptor, record, 0, headBytes + length, 0)
  }
}

/** Whole only while nobody writes. */
export function read(descriptor: number): CurrentInput {
  const record = Buffer.alloc(headBytes + bytesMax)
  readSync(descriptor, record, 0, record.length, 0)
  const length = record.readUInt32BE(8)
  return {
    count: record.readUInt32BE(0),
    number: record.readUInt32BE(4),
    bytes: record.subarray(headBytes, headBytes + length)
  }
}
