/**
 * Looks for bytes in the raw files of a data directory, as somebody who stole the disk would.
 *
 * Knows nothing of the formats. That it finds anything at all is proven by looking for a value that is
 * known to be there in clear.
 */
import { createReadStream } from "node:fs"
import { readdir } from "node:fs/promises"
import { join, relative, sep } from "node:path"

/** Everything that is not the state counts as log. */
export interface Found {
  readonly inLog: boolean
  readonly inState: boolean
}

/** For each needle: does it occur in a file of the log, and in one of the state? */
export async function scan(
  directory: string,
  needles: ReadonlyArray<string>
): Promise<ReadonlyArray<Found>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const results = await Promise.all(
    files.map(async (file) => {
      const path = join(file.parentPath, file.name)
      const isState = relative(directory, path).split(sep)[0] === "state"
      return { isState, found: await scanFile(path, needles) }
    })
  )
  return needles.map((_, at) => ({
    inLog: results.some(({ found, isState }) => !isState && found[at]),
    inState: results.some(({ found, isState }) => isState && found[at])
  }))
}

/** Pieces overlap by the longest needle, so that one that spans two pieces is seen. */
export async function scanFile(
  path: string,
  needles: ReadonlyArray<string>
): Promise<ReadonlyArray<boolean>> {
  const found = needles.map(() => false)
  const overlap = Math.max(...needles.map((needle) => Buffer.byteLength(needle))) - 1
  let carried = Buffer.alloc(0)
  for await (const piece of createReadStream(path, { highWaterMark: 4 << 20 })) {
    const bytes = Buffer.concat([carried, piece])
    for (const [at, needle] of needles.entries()) found[at] ||= bytes.includes(needle)
    carried = bytes.subarray(Math.max(0, bytes.length - overlap))
  }
  return found
}
