/**
 * Looks at the header of an LMDB file before LMDB does.
 *
 * Why it exists: when LMDB refuses the header, lmdb-js 3.5.6 frees its context twice, and the process
 * ends by a signal instead of saying what is wrong. What must never happen here: a file refused that
 * LMDB would open; so nothing is asked of it but what LMDB asks. Whether the records in it are whole is
 * for their checksums to say.
 * Proof: `test/layers/LmdbHeader.test.ts`, `test/e2e/DurabilityDamagedFile.test.ts`.
 */
import { closeSync, existsSync, openSync, readSync } from "node:fs"

/** The start of a page: its number and transaction, then flags; of a meta page, LMDB's meta record. */
const headerBytes = 168
const flagsAt = 18
const magicAt = 24
const versionAt = 28
const pageBytesAt = 48

const metaFlag = 0x08
const magic = 0xbeefc0de
const version = 2
const pageBytesMin = 256
const pageBytesMax = 65536

/** Throws if LMDB would not open this file; it creates one that is missing or empty. */
export function check(path: string): void {
  if (!existsSync(path)) return
  const descriptor = openSync(path, "r")
  try {
    const reason = damageOf(descriptor)
    if (reason === undefined) return
    throw new Error(`${path} is damaged (${reason}); restore the data directory from a backup`)
  } finally {
    closeSync(descriptor)
  }
}

function damageOf(descriptor: number): string | undefined {
  const first = headerAt(descriptor, 0)
  if (first.length === 0) return undefined
  if (first.length < headerBytes) return "truncated"
  const isMeta = (first.readUInt16LE(flagsAt) & metaFlag) !== 0
  if (!isMeta || first.readUInt32LE(magicAt) !== magic) return "no LMDB file"
  const found = first.readUInt16LE(versionAt)
  if (found !== version) return `of LMDB's format ${found}, not ${version}`
  const pageBytes = first.readUInt32LE(pageBytesAt)
  const isPowerOfTwo = (pageBytes & (pageBytes - 1)) === 0
  if (!isPowerOfTwo || pageBytes < pageBytesMin || pageBytes > pageBytesMax) {
    return `pages of ${pageBytes} bytes`
  }
  return headerAt(descriptor, pageBytes).length < headerBytes ? "truncated" : undefined
}

/** Shorter at the end of the file. */
function headerAt(descriptor: number, position: number): Buffer {
  const header = Buffer.alloc(headerBytes)
  return header.subarray(0, readSync(descriptor, header, 0, headerBytes, position))
}
