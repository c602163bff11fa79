/** The stores of a directory of a test. */
import * as Layer from "effect/Layer"
import * as DataDirectoryLock from "../../src/layers/DataDirectoryLock.ts"
import * as LogEnvironmentLmdb from "../../src/layers/LogEnvironmentLmdb.ts"
import * as StateStoreLmdb from "../../src/layers/StateStoreLmdb.ts"
import { groupId } from "./SnapshotStates.ts"

export const storesIn = (directory: string) => {
  const options = { groupId, mapSizeBytes: 4 * 1024 ** 3 }
  return StateStoreLmdb.layer(options).pipe(
    Layer.provideMerge(LogEnvironmentLmdb.layer(options)),
    Layer.provide(DataDirectoryLock.layer({ directory }))
  )
}
