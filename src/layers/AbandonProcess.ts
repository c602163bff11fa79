/**
 * Ends the process with an exit code and cleans nothing up.
 *
 * Why it exists: when the write of a page fails, lmdb-js formats a message that is longer than the
 * memory it has for it, and damages what lies behind. Whoever frees that aborts: Node, when it exits.
 * The node would then end by a signal, and whoever supervises it would take that for a crash and start
 * it again. So the process is replaced by one that only exits; its memory is given back unread. What
 * must never happen here: a return before everything was said and every store was closed. No proof
 * against the damage: now and then it is met before, while the stores close.
 * Proof: `test/layers/AbandonProcess.test.ts`, `test/e2e/SyncFailure.test.ts`.
 */
import { LogWriteFailure } from "../domain/log/Errors.ts"
import { DataDirectoryFailure, StateWriteFailure } from "../domain/state/Errors.ts"

/** Whether LMDB has failed to write, of which its heap may be damaged. */
export const isCalledFor = (error: unknown): boolean =>
  error instanceof LogWriteFailure ||
  error instanceof StateWriteFailure ||
  error instanceof DataDirectoryFailure

/** Does not return, except where a process cannot be replaced: there it exits as usual. */
export const abandonProcess = (code: number, exit: (code: number) => void): void => {
  const { execPath } = process
  if (process.execve === undefined) return exit(code)
  process.execve(execPath, [execPath, "--eval", `process.exit(${code})`], {})
}
