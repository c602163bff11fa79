/**
 * How the files of an LMDB environment come to be, on disk and by name (SPEC §8, §17).
 *
 * Why it exists: LMDB writes the first pages of its file before it syncs them, and makes a new file
 * where none is. What must never happen here: an environment under its own name that is not wholly on
 * disk, one that is taken for new because its file is gone.
 * Proof: `test/layers/LmdbEnvironment.test.ts`, and images of power losses in `test/e2e/`.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync
} from "node:fs"
import { dirname, join } from "node:path"

/**
 * Makes an environment at `path` if there is nothing: under another name, which a power loss may leave
 * behind, and whole once it has its own. `make` closes what it has opened.
 */
export async function ensure(path: string, make: (path: string) => Promise<void>): Promise<void> {
  if (existsSync(path)) return
  makeParent(dirname(path))
  const unfinished = `${path}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  await make(unfinished)
  syncDirectory(unfinished)
  renameSync(unfinished, path)
  syncDirectory(dirname(path))
}

function makeParent(path: string): void {
  if (existsSync(path)) return
  mkdirSync(path, { mode: 0o700 })
  syncDirectory(dirname(path))
}

export const dataFileOf = (path: string): string => join(path, "data.mdb")

/** Throws if LMDB would make a new file in this environment, which had one. */
export function requireNotEmpty(path: string): void {
  const file = dataFileOf(path)
  const size = statSync(file, { throwIfNoEntry: false })?.size
  if (size !== undefined && size > 0) return
  const reason = size === undefined ? "missing" : "empty"
  throw new Error(`${file} is damaged (${reason}); restore the data directory from a backup`)
}

/** LMDB flushes its file, not the directory entries that lead to it. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r")
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
