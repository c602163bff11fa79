/** The scripts of a folder and of the folders in it: every file but what describes them. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import * as Script from "./Script.ts"

export interface ScriptFile {
  /** Relative to the folder. */
  readonly name: string
  readonly path: string
}

/** `RAFT_TESTDATA` names the folder, else it is beside the checkout. */
export const defaultFolder = (): string =>
  process.env.RAFT_TESTDATA ?? join(import.meta.dirname, "../../../../../shared/raft-testdata")

const isDescription = (name: string): boolean => /^(README|LICENSE|NOTICE|\.)/i.test(name)

/** In alphabetical order; none if the folder is absent. */
export function filesOf(folder: string): ReadonlyArray<ScriptFile> {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !isDescription(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ name: relative(folder, path), path }))
}

export const run = ({ path }: ScriptFile): ReadonlyArray<Script.Stanza> =>
  Script.run(readFileSync(path, "utf8"))
