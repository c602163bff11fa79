/**
 * How lmdb-js reports a failed commit, and what must be done lest the report end the process.
 *
 * What must never happen here: a rejection that nobody looks at. It would end the process before the
 * node can say what failed. Proof: `test/layers/LmdbFailure.test.ts`, with a disk that refuses.
 */
import type { Database } from "lmdb"

/**
 * What the operator needs to know. lmdb-js rejects every write of a failed commit with a generic error
 * whose `commitError` is a promise that rejects too, about now, with LMDB's own.
 */
export async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error && "commitError" in error)) return error
  const own = Promise.resolve(error.commitError).then(
    () => error,
    (cause: unknown) => cause
  )
  const patience = new Promise<unknown>((resolve) => setImmediate(resolve, error))
  return Promise.race([own, patience])
}

/**
 * Call it after the writes of a turn have been issued. At the end of the turn lmdb-js may make one
 * more promise of the commit, which no write returns; only `committed` leads to it.
 */
export function observeLater(table: Database<Uint8Array, Uint8Array>): void {
  setImmediate(() => {
    void table.committed.then(ignore, ignore)
  })
}

const ignore = () => {}
