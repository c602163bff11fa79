/**
 * How lmdb-js reports a failed commit, and what must be done lest the report end the process.
 *
 * What must never happen here: a rejection that nobody looks at. It would end the process before the
 * node can say what failed. Proof: `test/layers/LmdbFailure.test.ts`, with a disk that refuses, and
 * `test/e2e/SyncFailure.test.ts`, with one that fails a sync.
 */
import type { Database, RootDatabase } from "lmdb"

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

/** What is used here of the environment inside lmdb-js. */
interface NativeEnvironment {
  readonly startWriting: (address: number, callback: (status: number) => unknown) => unknown
}

/** Flushed, committed, and "run the callbacks of the transaction"; any other status is an error code. */
const statusMax = 2

/**
 * lmdb-js prints the error of a failed commit, with its stack, right before it rejects with the same
 * error. The node says it once, in one sentence. Depends on the inside of lmdb-js: were that to change,
 * the error would be printed twice again, and nothing else.
 */
export function sayOnce(root: RootDatabase<Uint8Array, Uint8Array>): void {
  const { env } = root as unknown as { readonly env?: Partial<NativeEnvironment> }
  if (env?.startWriting === undefined) return
  const inner = env.startWriting.bind(env)
  const startWriting: NativeEnvironment["startWriting"] = (address, callback) =>
    inner(address, (status) =>
      status <= statusMax ? callback(status) : withoutConsole(() => callback(status))
    )
  // The method of the prototype is read-only, so it is shadowed.
  Reflect.defineProperty(env, "startWriting", { value: startWriting })
}

/** For the length of one synchronous call. */
function withoutConsole<A>(body: () => A): A {
  const { error } = console
  console.error = ignore
  try {
    return body()
  } finally {
    console.error = error
  }
}

const ignore = () => {}
