/** What the tests of crashed installations share: the node before, the snapshot, and what may be after. */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { LogIndex, Term } from "../../src/domain/Ids.ts"
import * as SnapshotInstall from "../../src/layers/SnapshotInstall.ts"
import * as SnapshotSource from "../../src/layers/SnapshotSource.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import { contentOf, fill, groupId, identity, stateAt } from "./SnapshotStates.ts"

/** The index of the snapshot; its term is 3. */
const ceiling = 600
const applied = 20

/** A log to install it in: how far it goes, and the term of its entries. */
export interface OldLog {
  readonly last: number
  readonly term: number
}

export const logs: ReadonlyArray<OldLog & { readonly what: string }> = [
  { what: "that ends below it", last: 30, term: 2 },
  { what: "that holds its entry and more", last: 1_300, term: 3 },
  { what: "that contradicts it, and is longer", last: 1_300, term: 2 }
]

export const prepare = ({ last, term }: OldLog) =>
  Effect.gen(function* () {
    const log = yield* RaftLogStore
    const hardState = { term: term as Term, vote: undefined, commit: applied as LogIndex }
    const entries = Array.from({ length: last }, (_, offset) => ({
      index: (offset + 1) as LogIndex,
      term: term as Term,
      kind: "normal" as const,
      data: Buffer.alloc(10)
    }))
    yield* log.persist({ entries, hardState })
    yield* fill(stateAt(applied, term), { count: 3, valueBytes: 100 })
  })

/** What an opening finds: which state, and which log, all of which can be read. */
export const found = Effect.gen(function* () {
  const { hardState, reader, snapshotPointer } = yield* RaftLogStore
  const { reader: state } = yield* StateStore
  const first = reader.firstIndex()
  const last = reader.lastIndex()
  const entries = reader.entries(first, (last + 1) as LogIndex, 1 << 30)
  expect(entries).toHaveLength(last - first + 1)
  const { generation } = snapshotPointer()
  return { first, last, commit: hardState().commit, generation, content: contentOf(state) }
})

export type Found = Effect.Success<typeof found>

/** A snapshot in pieces, made of the store it is run in. */
export const take = (values: { readonly count: number; readonly valueBytes: number }) =>
  Effect.gen(function* () {
    yield* fill(stateAt(ceiling, 3), values)
    const source = yield* SnapshotSource.open(groupId)
    const { reader } = yield* StateStore
    return { pieces: yield* Stream.runCollect(source!.bytes), content: contentOf(reader) }
  }).pipe(Effect.scoped)

/** Takes in a snapshot and installs it. */
export const install = (pieces: Iterable<Uint8Array>) =>
  SnapshotInstall.receive(identity, Stream.fromIterable(pieces)).pipe(
    Effect.flatMap((received) => SnapshotInstall.install(received)),
    Effect.scoped
  )

/** It is the old one, less what was never committed and contradicts the snapshot; or the new one. */
export function assertOldOrNew(
  after: Found,
  { before, log, sent }: { before: Found; log: OldLog; sent: { content: Found["content"] } }
): void {
  if (after.generation === before.generation) {
    expect(after).toMatchObject({ first: 1, commit: applied, content: before.content })
    expect(after.last).toBeGreaterThanOrEqual(Math.min(log.last, ceiling))
    return
  }
  const last = log.term === 3 ? log.last : ceiling
  expect(after).toMatchObject({ first: ceiling + 1, last, commit: ceiling, generation: 1 })
  expect(after.content).toEqual(sent.content)
}
