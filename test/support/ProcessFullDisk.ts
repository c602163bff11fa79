/**
 * Run by a test under a limit on the size of files: fails a write of the log and one of the state, and
 * prints what the stores answered as one line of JSON.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { GroupId, LogIndex, Term } from "../../src/domain/Ids.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import * as DataDirectoryLock from "../../src/layers/DataDirectoryLock.ts"
import * as LogEnvironmentLmdb from "../../src/layers/LogEnvironmentLmdb.ts"
import * as StateStoreLmdb from "../../src/layers/StateStoreLmdb.ts"
import { LocalStore } from "../../src/services/LocalStore.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { StateStore } from "../../src/services/StateStore.ts"

const groupId = 0 as GroupId
const mapSizeBytes = 64 << 20
const [directory, count] = [process.argv[2]!, Number(process.argv[3])]

const stores = () =>
  StateStoreLmdb.layer({ groupId, mapSizeBytes }).pipe(
    Layer.provideMerge(LogEnvironmentLmdb.layer({ groupId, mapSizeBytes })),
    Layer.provide(DataDirectoryLock.layer({ directory }))
  )

const entryOf = (index: number, size: number): Entry => ({
  index: index as LogIndex,
  term: 1 as Term,
  kind: "normal",
  data: Buffer.alloc(size, index)
})

const tagOf = (attempt: () => unknown): string => {
  try {
    attempt()
    return "none"
  } catch (error) {
    return (error as { readonly _tag: string })._tag
  }
}

const fill = Effect.gen(function* () {
  const log = yield* RaftLogStore
  const local = yield* LocalStore
  const state = yield* StateStore
  yield* log.persist({ entries: [entryOf(1, 100)], hardState: undefined })
  state.transact((transaction) => transaction.put("kv", Buffer.from([1]), Buffer.from([1])))
  yield* state.flush
  // Below 4 MiB of pages lmdb-js starts at the end of the turn, which has its own way to fail.
  const size = Math.ceil((3 << 20) / count)
  const entries = Array.from({ length: count }, (_, at) => entryOf(at + 2, size))
  const hardState = { term: 9 as Term, vote: undefined, commit: 1 as LogIndex }
  const first = yield* Effect.flip(log.persist({ entries, hardState }))
  const small = { entries: [entryOf(2, 1)], hardState: undefined }
  const later = yield* Effect.flip(log.persist(small))
  const localLater = yield* Effect.flip(
    local.write({
      nodeName: "n1" as never,
      incarnation: "0".repeat(32) as never,
      admitted: undefined,
      groupId,
      bootCount: 1,
      epochs: new Map(),
      peers: new Map()
    })
  )
  const put = (bytes: number) => () =>
    state.transact((transaction) => {
      transaction.put("kv", Buffer.from([1]), Buffer.alloc(bytes))
    })
  const atOnce = tagOf(put(4 << 20))
  const failed = (yield* Effect.flip(state.failed))._tag
  return {
    log: [first._tag, later._tag, localLater._tag],
    cause: String(first.cause),
    lastIndex: log.reader.lastIndex(),
    term: log.hardState().term,
    state: [atOnce, failed, tagOf(put(1))],
    flush: (yield* Effect.flip(state.flush))._tag,
    rows: state.durable.range("kv", {}).map(({ value }) => value.length)
  }
})

const reopen = Effect.gen(function* () {
  const log = yield* RaftLogStore
  const state = yield* StateStore
  return { lastIndex: log.reader.lastIndex(), rows: state.reader.range("kv", {}).length }
})

const found = await Effect.runPromise(Effect.provide(fill, stores()))
const reopened = await Effect.runPromise(Effect.provide(reopen, stores()))
console.log(JSON.stringify({ ...found, reopened }))
