/**
 * The disks that a data directory is on: `log` and `state` may be mount points of their own.
 *
 * Proof: `test/layers/FreeSpace.test.ts`, `test/layers/FileSystemGuard.test.ts`.
 */
import { existsSync, realpathSync, statSync } from "node:fs"
import { join } from "node:path"

/**
 * One directory on each disk, without symbolic links. What an opening creates later is on the disk of
 * the data directory itself. Throws what the file system answers.
 */
export const pathsOf = (directory: string): ReadonlyArray<string> => {
  const mayBeMounts = ["log", "state"].map((name) => join(directory, name)).filter(existsSync)
  const byDevice = new Map<number, string>()
  for (const path of [directory, ...mayBeMounts]) {
    const { dev } = statSync(path)
    if (!byDevice.has(dev)) byDevice.set(dev, realpathSync(path))
  }
  return [...byDevice.values()]
}
