/**
 * What a failed LMDB commit carries: `commitError` is a second promise that rejects too and would end
 * the process as an unhandled rejection if nobody looked at it.
 */
export function observed(error: unknown): unknown {
  if (error instanceof Error && "commitError" in error) {
    void Promise.resolve(error.commitError).catch(() => undefined)
  }
  return error
}
