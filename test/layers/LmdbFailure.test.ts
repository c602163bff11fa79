/**
 * SPEC §8: a failed commit is final. In a process of its own, because a failing LMDB may take its
 * process along, and because the limit on the size of files that fails it is a process's.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished } from "vitest"

const program = fileURLToPath(new URL("../support/ProcessFullDisk.ts", import.meta.url))

describe("LMDB on a disk that refuses a write", () => {
  // One write, few, and so many that lmdb-js starts before the turn is over.
  it.each([1, 3, 20, 2000])("fails that write and every later one, %i entries", (count) => {
    const directory = mkdtempSync(join(tmpdir(), "sealog-full-"))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const limited = `ulimit -f 2000; exec "$0" "$@"`
    const ended = spawnSync("sh", ["-c", limited, process.execPath, program, directory, `${count}`])
    expect(ended.status, ended.stderr.toString()).toBe(0)
    expect(JSON.parse(ended.stdout.toString())).toEqual({
      log: ["LogWriteFailure", "LogWriteFailure", "LogWriteFailure"],
      cause: "Error: Input/output error",
      lastIndex: 1,
      term: 0,
      // A commit is written behind: what fails is known a little later.
      state: ["none", "StateWriteFailure", "StateWriteFailure"],
      flush: "StateWriteFailure",
      rows: [1],
      reopened: { lastIndex: 1, rows: 1 }
    })
  })
})
