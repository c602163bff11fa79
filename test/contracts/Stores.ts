/**
 * What a suite needs of a pair of stores: something durable that can be opened again and damaged.
 *
 * The suites beside this file run against every layer of their service.
 */
import type * as Layer from "effect/Layer"
import type { LocalStore } from "../../src/services/LocalStore.ts"
import type { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import type { StateStore } from "../../src/services/StateStore.ts"

export type Services = RaftLogStore | LocalStore | StateStore

/** Which record of the log environment is damaged. */
export type StoredRecord =
  | { readonly _tag: "Entry"; readonly index: number }
  | { readonly _tag: "FormatVersion" }
  | { readonly _tag: "SnapshotPointer" }
  | { readonly _tag: "HardState" }
  | { readonly _tag: "Local" }

export interface DurableStores {
  /** A fresh layer over the same durable content at every call. */
  readonly open: () => Layer.Layer<Services, { readonly message: string }>
  /** Flips one bit of a stored record, while nothing is open. */
  readonly flipBit: (record: StoredRecord, bit: number) => Promise<void>
  /** Writes a record past every check, or removes it, while nothing is open. */
  readonly replace: (record: StoredRecord, bytes: Buffer | undefined) => Promise<void>
}

/** Makes empty stores, and removes what is left of them when the test ends. */
export type MakeStores = () => DurableStores
