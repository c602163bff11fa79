/**
 * Which writer id belongs to whom, and which epochs each has used under which raft DEK (SPEC §6).
 *
 * Why it exists: a nonce of the log begins with `writerId ‖ localEpoch`, so no two openings may ever
 * hold the same pair under one DEK. Ids are allocated in log order and never reused; an epoch that did
 * not grow, and comes from another opening, is a restored or cloned disk and is refused. Replicated and
 * pure: refusals are outcomes and change nothing.
 *
 * What must never happen here: one writer id for two identities, one (DEK, writer, epoch) for two
 * openings. Proof: `WriterRegistry.test.ts`; the bytes: `WriterRecord.ts`.
 */
import type { KeyId, LocalEpoch, OpeningId, WriterId } from "../Ids.ts"
import * as Limits from "../Limits.ts"
import type { Registration } from "./Registration.ts"
import * as WriterIdentity from "./WriterIdentity.ts"

/** An allocated writer id. */
export interface Writer extends WriterIdentity.WriterIdentity {
  readonly writerId: WriterId
}

/** Names a row. */
export interface RowKey {
  readonly keyId: KeyId
  readonly writerId: WriterId
}

/** What is known of a writer under a raft DEK. */
export interface Row extends RowKey {
  readonly firstEpoch: LocalEpoch
  /** The greatest epoch registered, by the opening named. */
  readonly lastEpoch: LocalEpoch
  readonly openingId: OpeningId
}

/**
 * **Invariants**
 * 1. `writers` has the ids 1, 2, 3 … in order: an id is a position, plus one.
 * 2. `rows` is ascending by key id, then writer id, without repetitions; each names a known writer.
 * 3. In a row, 1 ≤ `firstEpoch` ≤ `lastEpoch`.
 */
export interface WriterRegistry {
  readonly writers: ReadonlyArray<Writer>
  readonly rows: ReadonlyArray<Row>
}

/** What a registration did. The last two changed nothing. */
export type RegisterOutcome =
  /** On behalf of another node: it has this writer id now, or had it. */
  | { readonly _tag: "Allocated"; readonly writerId: WriterId }
  /** The writer's first epoch under this DEK. */
  | { readonly _tag: "Inserted"; readonly writerId: WriterId }
  | { readonly _tag: "Advanced"; readonly writerId: WriterId }
  /** The same opening again: re-elected. */
  | { readonly _tag: "Unchanged"; readonly writerId: WriterId }
  | {
      readonly _tag: "LocalEpochRollback"
      readonly writerId: WriterId
      readonly lastEpoch: LocalEpoch
    }
  | { readonly _tag: "WriterIdsExhausted" }

/** Of a refusal and of `Unchanged`, `registry` is the very object that was passed in. */
export interface Transition {
  readonly registry: WriterRegistry
  readonly outcome: RegisterOutcome
}

/** Of a new cluster. */
export const empty: WriterRegistry = { writers: [], rows: [] }

/** The id allocated to this name and incarnation. */
export const writerIdOf = (
  registry: WriterRegistry,
  identity: WriterIdentity.WriterIdentity
): WriterId | undefined =>
  registry.writers.find((writer) => WriterIdentity.equals(writer, identity))?.writerId

/** What is known of this writer under this DEK. */
export const rowOf = (registry: WriterRegistry, { keyId, writerId }: RowKey): Row | undefined =>
  registry.rows.find((row) => row.keyId === keyId && row.writerId === writerId)

/** Gives a writer its id, or finds the one it has. For every member at bootstrap, and at a join. */
export function allocate(
  registry: WriterRegistry,
  { incarnation, nodeName }: WriterIdentity.WriterIdentity
): Transition {
  const known = writerIdOf(registry, { nodeName, incarnation })
  if (known !== undefined) return to(registry, { _tag: "Allocated", writerId: known })
  if (registry.writers.length >= Limits.writerIdMax) {
    return to(registry, { _tag: "WriterIdsExhausted" })
  }
  const writerId = (registry.writers.length + 1) as WriterId
  const writers = [...registry.writers, { writerId, nodeName, incarnation }]
  return to({ ...registry, writers }, { _tag: "Allocated", writerId })
}

/** Applies a registration; epoch 0 allocates only. Whether its DEK is known is the caller's to ask. */
export function register(registry: WriterRegistry, registration: Registration): Transition {
  const allocated = allocate(registry, registration)
  const { outcome } = allocated
  if (outcome._tag !== "Allocated" || registration.epoch === 0) return allocated
  const { writerId } = outcome
  const { epoch, keyId, openingId } = registration
  const row = rowOf(registry, { keyId, writerId })
  if (row === undefined) {
    const inserted = { keyId, writerId, firstEpoch: epoch, lastEpoch: epoch, openingId }
    return to(withRow(allocated.registry, inserted), { _tag: "Inserted", writerId })
  }
  if (epoch > row.lastEpoch) {
    const advanced = { ...row, lastEpoch: epoch, openingId }
    return to(withRow(registry, advanced), { _tag: "Advanced", writerId })
  }
  return epoch === row.lastEpoch && openingId === row.openingId
    ? to(registry, { _tag: "Unchanged", writerId })
    : to(registry, { _tag: "LocalEpochRollback", writerId, lastEpoch: row.lastEpoch })
}

/** Has a registered epoch passed the mark at which a leader rotates the raft DEK by itself? */
export const needsRotation = (registry: WriterRegistry, raftKeyId: KeyId): boolean =>
  registry.rows.some(
    ({ keyId, lastEpoch }) => keyId === raftKeyId && lastEpoch > Limits.epochRotationMark
  )

/** Ascending by key id, then by writer id. */
export const compareRows = (a: RowKey, b: RowKey): number =>
  a.keyId - b.keyId || a.writerId - b.writerId

function withRow(registry: WriterRegistry, row: Row): WriterRegistry {
  const others = registry.rows.filter((other) => compareRows(other, row) !== 0)
  return { ...registry, rows: [...others, row].sort(compareRows) }
}

const to = (registry: WriterRegistry, outcome: RegisterOutcome): Transition => ({
  registry,
  outcome
})
