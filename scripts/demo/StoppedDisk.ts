/**
 * What is on the disk of a node that does not run: its raw bytes, searched as somebody who stole the disk
 * would (`DiskScan`), and every row of its state. Its log is read by `cluster/LogSides`.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as ReplicatedState from "../../src/domain/apply/ReplicatedState.ts"
import { tablesInOrder } from "../../src/domain/snapshot/SnapshotStream.ts"
import { behind, type StateReader } from "../../src/domain/state/StateTransaction.ts"
import { groupId } from "../../src/layers/Node.ts"
import * as StoppedNode from "../../src/layers/StoppedNode.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import * as DiskScan from "./DiskScan.ts"

export interface Needles {
  /** Written in phase 0. */
  readonly control: { readonly key: string; readonly value: string }
  /** Written after the cutover was answered. */
  readonly canary: { readonly key: string; readonly value: string }
  /** In every value that clients wrote after the cutover was answered. */
  readonly sealedMark: string
}

export interface Searched {
  readonly controlInLog: boolean
  readonly controlInState: boolean
  readonly canaryInLog: boolean
  /** Of the value: keys are in clear in the state. */
  readonly canaryInState: boolean
}

/** What is there in clear. */
export const search = (directory: string, { canary, control, sealedMark }: Needles) =>
  Effect.map(
    Effect.promise(() =>
      DiskScan.scan(directory, [control.key, control.value, canary.key, canary.value, sealedMark])
    ),
    ([controlKey, controlValue, canaryKey, canaryValue, mark]): Searched => ({
      controlInLog: controlKey!.inLog && controlValue!.inLog,
      controlInState: controlKey!.inState && controlValue!.inState,
      canaryInLog: canaryKey!.inLog || canaryValue!.inLog || mark!.inLog,
      canaryInState: canaryValue!.inState || mark!.inState
    })
  )

/** The applied index, and a digest of every row of the state. */
export const readState = (directory: string) =>
  Effect.gen(function* () {
    const { reader } = yield* StateStore
    const state = Result.getOrThrow(ReplicatedState.load(reader, groupId))
    return { appliedIndex: state?.applied.index ?? 0, ...digestOf(reader) }
  }).pipe(Effect.provide(StoppedNode.stores({ directory })), Effect.scoped)

const pageRows = 1_000

function digestOf(reader: StateReader) {
  let rowCount = 0
  const hash = createHash("sha256")
  const add = (bytes: Uint8Array) => hash.update(`${bytes.length}:`).update(bytes)
  for (const table of tablesInOrder) {
    hash.update(`${table};`)
    let from: Uint8Array | undefined
    for (;;) {
      const rows = reader.range(table, { from, limit: pageRows })
      for (const { key, value } of rows) add(key) && add(value)
      rowCount += rows.length
      const last = rows.at(-1)
      if (last === undefined) break
      from = behind(last.key)
    }
  }
  return { rowCount, digest: hash.digest("hex") }
}
