/**
 * Why the operating system refused something, in its own words.
 *
 * Effect's `PlatformError` says which call failed; that a disk is full or a file is missing is only in
 * its cause, and the operator needs that. Proof: `test/e2e/KvTransfer.test.ts`.
 */

/** The message of the cause if there is one, else of the error. */
export const of = (error: Error): string => {
  const { cause, message } = error
  return cause instanceof Error && cause.message !== "" ? cause.message : message
}
