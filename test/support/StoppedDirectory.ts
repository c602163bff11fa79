/** What tests do to the data directory of a node that is not running: copy, read and falsify it. */
import { readFileSync } from "node:fs"
import { cp, rm } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as ReplicatedState from "../../src/domain/apply/ReplicatedState.ts"
import { type DataKey, KeyEncryptionKey } from "../../src/domain/encryption/DataKey.ts"
import * as SidecarState from "../../src/domain/encryption/SidecarState.ts"
import * as WrappedDek from "../../src/domain/encryption/WrappedDek.ts"
import type { LocalEpoch, LogIndex, StateGeneration } from "../../src/domain/Ids.ts"
import * as SnapshotPointer from "../../src/domain/log/SnapshotPointer.ts"
import * as SnapshotPointerRecord from "../../src/domain/log/SnapshotPointerRecord.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import * as Position from "../../src/domain/raft/Position.ts"
import * as LmdbEnvironment from "../../src/layers/LmdbEnvironment.ts"
import * as LogDump from "../../src/layers/LogDump.ts"
import { groupId, mapSizeBytes } from "../../src/layers/Node.ts"
import * as StoppedNode from "../../src/layers/StoppedNode.ts"
import { LocalStore } from "../../src/services/LocalStore.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { StateStore } from "../../src/services/StateStore.ts"

/** Replaces one directory by a copy of another. */
export const replace = (path: string, by: string) =>
  Effect.promise(async () => {
    await rm(path, { recursive: true, force: true })
    await cp(by, path, { recursive: true })
  })

/** Puts entries of the test's own in the place of the last ones; checksums and all are right. */
export const rewriteLastEntries = <E>(
  directory: string,
  count: number,
  edit: (last: ReadonlyArray<Entry>) => Effect.Effect<ReadonlyArray<Entry>, E>
) =>
  Effect.gen(function* () {
    const store = yield* RaftLogStore
    const until = Position.after(store.reader.lastIndex())
    const from = Position.plus(until, -count)
    const last = store.reader.entries(from, until, Number.MAX_SAFE_INTEGER)
    yield* store.persist({ entries: yield* edit(last), hardState: undefined })
  }).pipe(Effect.provide(StoppedNode.stores({ directory })), Effect.scoped)

/** What the state says about encryption and progress. */
export const replicatedState = (directory: string) =>
  Effect.gen(function* () {
    const { reader } = yield* StateStore
    const state = Result.getOrThrow(ReplicatedState.load(reader, groupId))
    if (state === undefined) return yield* Effect.die(new Error(`nothing in ${directory}`))
    return state
  }).pipe(Effect.provide(StoppedNode.stores({ directory })), Effect.scoped)

/** Saves a replicated state of the test's own, as one commit that is right in itself. */
export const rewriteReplicatedState = (
  directory: string,
  edit: (state: ReplicatedState.ReplicatedState) => void
) =>
  Effect.gen(function* () {
    const store = yield* StateStore
    const state = Result.getOrThrow(ReplicatedState.load(store.reader, groupId))!
    edit(state)
    store.transact((transaction) => state.save(transaction, undefined))
    yield* store.flush
  }).pipe(Effect.provide(StoppedNode.stores({ directory })), Effect.scoped)

/** Changes tables past every check of ours, in one transaction. */
export const rewriteTables = <Name extends string>(
  place: {
    readonly directory: string
    readonly environment: "log" | "state"
    readonly tables: ReadonlyArray<Name>
  },
  edit: (tables: Readonly<Record<Name, LmdbEnvironment.TableDatabase>>) => void
) =>
  Effect.gen(function* () {
    const { root, tables } = yield* LmdbEnvironment.acquire({
      ...place,
      generation: place.environment === "state" ? (0 as StateGeneration) : undefined,
      mapSizeBytes
    })
    root.transactionSync(() => edit(tables))
  }).pipe(Effect.scoped)

/** The key of the snapshot pointer in the table `meta` of the log. */
export const pointerKey = Buffer.from("snapshotPointer")

/** Lets the log begin after what the state has applied; what it held before is none of it then. */
export const pointLog = Effect.fnUntraced(function* (
  directory: string,
  edit: (cutover: LogIndex) => Partial<SnapshotPointer.SnapshotPointer>
) {
  const { applied, sidecar } = yield* replicatedState(directory)
  const { index, term } = applied
  const cutover = sidecar.raftEnvelopeCutoverIndex
  const pointer = { ...SnapshotPointer.initial, index, term, cutover, ...edit(cutover) }
  yield* rewriteTables(
    { directory, environment: "log", tables: ["meta"] },
    ({ meta }) => void meta.put(pointerKey, SnapshotPointerRecord.encode(groupId, pointer))
  )
})

/** Changes the local epochs of all raft DEKs that the node has had. */
export const rewriteEpochs = (directory: string, edit: (epoch: LocalEpoch) => number) =>
  Effect.gen(function* () {
    const local = yield* LocalStore
    const record = local.read()!
    const epochs = new Map(
      Array.from(record.epochs, ([keyId, epoch]) => [keyId, edit(epoch) as LocalEpoch] as const)
    )
    yield* local.write({ ...record, epochs })
    return epochs.size
  }).pipe(Effect.provide(StoppedNode.stores({ directory })), Effect.scoped)

/** What was sealed under each nonce, in the order of the log: `key nonce`, and the rest in hex. */
export const sealedUnder = Effect.fnUntraced(function* (directory: string) {
  const found: Array<readonly [keyAndNonce: string, sealed: string]> = []
  yield* LogDump.entries({ directory, raw: true }, ({ data, sealed }) =>
    Effect.sync(() => {
      if (!sealed) return
      // Proposal envelope of 9 bytes, then version, flag, key id, nonce of 12 bytes (SPEC §5, §7).
      const bytes = Buffer.from(data!, "base64").subarray(9 + 2)
      const [key, nonce] = [bytes.subarray(0, 4), bytes.subarray(4, 16)]
      found.push([`${key.toString("hex")} ${nonce.toString("hex")}`, bytes.toString("hex", 16)])
    })
  )
  return found
})

export const kekOf = (kekFile: string): KeyEncryptionKey => {
  const bytes = Buffer.allocUnsafeSlow(32)
  readFileSync(kekFile).copy(bytes)
  return new KeyEncryptionKey(bytes)
}

/** The raft DEK of a stopped node, as its sidecar keeps it and unwrapped. */
export const raftDek = (directory: string, kekFile: string) =>
  Effect.map(replicatedState(directory), ({ sidecar }): RaftDek => {
    const row = SidecarState.keyOf(sidecar, sidecar.active.raft)!
    const kek = kekOf(kekFile)
    return {
      row,
      kek,
      key: Result.getOrThrow(WrappedDek.unwrap({ kek, identity: row }, row.wrapped))
    }
  })

export interface RaftDek {
  readonly row: SidecarState.WrappedKey
  readonly kek: KeyEncryptionKey
  readonly key: DataKey
}

export const environments = (directory: string) => ({
  log: join(directory, "log"),
  state: join(directory, "state", "0")
})
