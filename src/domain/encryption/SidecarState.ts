/**
 * The replicated encryption state, the *sidecar*, and how commands change it (SPEC §2, §8, §11).
 *
 * Why it exists: which key is active and from which index on entries are sealed is decided by the log
 * alone, so every replica at the same applied index holds the same value. Transitions are pure; what
 * they refuse changes nothing and is an outcome, not a failure: the applied index moves on.
 *
 * What must never happen here: a second cutover index, a key id given twice, an entry taken for sealed
 * because of its bytes. Proof: `SidecarState.test.ts`; the bytes: `SidecarRecord.ts`.
 */
import type { ClusterId, KeyId, LogIndex, Revision } from "../Ids.ts"
import * as Limits from "../Limits.ts"
import type * as Command from "./Command.ts"
import type { DataKeyIdentity, KeyPurpose } from "./DataKey.ts"

/** A DEK as every replica keeps it. */
export interface WrappedKey extends DataKeyIdentity {
  readonly wrapped: Uint8Array
  /** Of the entry that brought it. */
  readonly createdIndex: LogIndex
}

/**
 * **Invariants** (checked when one is read, `SidecarRecord.validate`)
 * 1. `keys` is ascending by id, without repetitions.
 * 2. An active id that is not 0 names a key of that purpose; both are 0 or neither is.
 * 3. `raftEnvelopeCutoverIndex` ≠ 0 ⇒ 0 < `storageEnvelopeIndex` < `raftEnvelopeCutoverIndex`.
 * 4. `storageEnvelopeIndex` ≠ 0 ⇒ there are active keys.
 */
export interface SidecarState {
  /** The cluster's now; a key remembers the one it was created under. */
  readonly clusterId: ClusterId
  readonly keys: ReadonlyArray<WrappedKey>
  /** The ids new seals use; 0 = none. */
  readonly active: { readonly storage: KeyId; readonly raft: KeyId }
  /** Of the entry that enabled it; 0 = off. */
  readonly storageEnvelopeIndex: LogIndex
  /**
   * The revision of the state machine when it was enabled: values above it are sealed. 0 both while it
   * is off and if nothing had been written before; only the index says which.
   */
  readonly storageEnvelopeRevision: Revision
  /** Of the cutover marker; 0 = not cut over, no entry is sealed. */
  readonly raftEnvelopeCutoverIndex: LogIndex
}

/** What applying a command did. All but `Applied` changed nothing. */
export type SidecarOutcome =
  | { readonly _tag: "Applied" }
  /** The cluster has DEKs already. */
  | { readonly _tag: "AlreadyBootstrapped" }
  /** Enabled before, by the entry at `index`. */
  | { readonly _tag: "AlreadyActive"; readonly index: LogIndex }
  /** It names a DEK that is not the active one of its purpose (any more). */
  | { readonly _tag: "Stale" }
  | { readonly _tag: "NotBootstrapped" }
  | { readonly _tag: "StorageEnvelopeNotEnabled" }
  /** A new key has the id of a known one. */
  | { readonly _tag: "KeyIdTaken"; readonly keyId: KeyId }
  /** There are as many keys as a sidecar may hold; retire some. */
  | { readonly _tag: "TooManyKeys" }
  /** A key that is not known was to be retired. */
  | { readonly _tag: "KeyUnknown"; readonly keyId: KeyId }
  /** An active key was to be retired. */
  | { readonly _tag: "KeyActive"; readonly keyId: KeyId }
  /** A rewrap does not name exactly the known keys: one came or went since it was made. */
  | { readonly _tag: "KeysChanged" }

/** Unless the outcome is `Applied`, `state` is the very object that was passed in. */
export interface Transition {
  readonly state: SidecarState
  readonly outcome: SidecarOutcome
}

/** Of the entry being applied, and of the state machine before it. */
export interface ApplyContext {
  readonly index: LogIndex
  readonly revision: Revision
}

/** Of a new cluster: phase 0. */
export const initial = (clusterId: ClusterId): SidecarState => ({
  clusterId,
  keys: [],
  active: { storage: 0 as KeyId, raft: 0 as KeyId },
  storageEnvelopeIndex: 0 as LogIndex,
  storageEnvelopeRevision: 0 as Revision,
  raftEnvelopeCutoverIndex: 0 as LogIndex
})

/** The phase of SPEC §2. */
export function phase(state: SidecarState): 0 | 1 | 2 {
  if (state.raftEnvelopeCutoverIndex !== 0) return 2
  return state.storageEnvelopeIndex !== 0 ? 1 : 0
}

/** The rule of SPEC §11: strictly above the cutover index, and a cutover index of 0 means none. */
export const isEntrySealed = (state: SidecarState, index: LogIndex): boolean =>
  state.raftEnvelopeCutoverIndex !== 0 && index > state.raftEnvelopeCutoverIndex

/** Must a value of this revision be sealed (SPEC §5)? An older one may be: rewritten under seal. */
export const isValueSealed = (state: SidecarState, revision: Revision): boolean =>
  state.storageEnvelopeIndex !== 0 && revision > state.storageEnvelopeRevision

/** The known key of this id, active or not. */
export const keyOf = (state: SidecarState, keyId: KeyId): WrappedKey | undefined =>
  state.keys.find(({ id }) => id === keyId)

/** Applies any command; of a bootstrap the part that concerns keys. Writers: `WriterRegistry`. */
export function apply(
  state: SidecarState,
  command: Command.Command,
  context: ApplyContext
): Transition {
  switch (command._tag) {
    case "Bootstrap":
      return bootstrap(state, command, context)
    case "Rotate":
      return rotate(state, command, context)
    case "Rewrap":
      return rewrap(state, command)
    case "Retire":
      return retire(state, command)
    case "EnableStorageEnvelope":
      return enableStorageEnvelope(state, command, context)
    case "EnableRaftEnvelope":
      return enableRaftEnvelope(state, command, context)
  }
}

/** The first DEKs become active; once in the life of a cluster. */
export function bootstrap(
  state: SidecarState,
  { raft, storage }: Pick<Command.Bootstrap, "storage" | "raft">,
  { index }: Pick<ApplyContext, "index">
): Transition {
  if (isBootstrapped(state) || state.keys.length > 0) {
    return refuse(state, { _tag: "AlreadyBootstrapped" })
  }
  if (storage.keyId === raft.keyId) {
    return refuse(state, { _tag: "KeyIdTaken", keyId: raft.keyId })
  }
  const first = created(state, { ...storage, purpose: "storage" }, index)
  const second = created(state, { ...raft, purpose: "raft" }, index)
  return applied({
    ...state,
    keys: ascending([first, second]),
    active: { storage: first.id, raft: second.id }
  })
}

/** A new DEK becomes the active one of its purpose; the one it replaces stays for reading. */
export function rotate(
  state: SidecarState,
  delivery: Omit<Command.Rotate, "_tag">,
  { index }: Pick<ApplyContext, "index">
): Transition {
  const { keyId, purpose, replaces } = delivery
  if (!isBootstrapped(state)) return refuse(state, { _tag: "NotBootstrapped" })
  if (replaces !== state.active[purpose]) return refuse(state, { _tag: "Stale" })
  if (keyOf(state, keyId) !== undefined) return refuse(state, { _tag: "KeyIdTaken", keyId })
  if (state.keys.length >= Limits.dataKeysMax) return refuse(state, { _tag: "TooManyKeys" })
  return applied({
    ...state,
    keys: ascending([...state.keys, created(state, delivery, index)]),
    active: { ...state.active, [purpose]: keyId }
  })
}

/** The same DEKs under another KEK: exactly the known ones, each once. */
export function rewrap(state: SidecarState, { keys }: Omit<Command.Rewrap, "_tag">): Transition {
  const wrappedOf = new Map(keys.map(({ keyId, wrapped }) => [keyId, wrapped]))
  const isComplete =
    keys.length === state.keys.length && state.keys.every(({ id }) => wrappedOf.has(id))
  if (!isComplete) return refuse(state, { _tag: "KeysChanged" })
  const rewrapped = state.keys.map((key) => ({ ...key, wrapped: ownCopy(wrappedOf.get(key.id)!) }))
  return applied({ ...state, keys: rewrapped })
}

/** Forgets a DEK. Whoever proposes it has proven that nothing needs it (SPEC §18). */
export function retire(state: SidecarState, { keyId }: Omit<Command.Retire, "_tag">): Transition {
  if (keyOf(state, keyId) === undefined) return refuse(state, { _tag: "KeyUnknown", keyId })
  if (state.active.storage === keyId || state.active.raft === keyId) {
    return refuse(state, { _tag: "KeyActive", keyId })
  }
  return applied({ ...state, keys: state.keys.filter(({ id }) => id !== keyId) })
}

/** Phase 0 → 1. */
export function enableStorageEnvelope(
  state: SidecarState,
  { storageKeyId }: Omit<Command.EnableStorageEnvelope, "_tag">,
  { index, revision }: ApplyContext
): Transition {
  if (state.storageEnvelopeIndex !== 0) {
    return refuse(state, { _tag: "AlreadyActive", index: state.storageEnvelopeIndex })
  }
  if (!isBootstrapped(state)) return refuse(state, { _tag: "NotBootstrapped" })
  if (storageKeyId !== state.active.storage) return refuse(state, { _tag: "Stale" })
  return applied({ ...state, storageEnvelopeIndex: index, storageEnvelopeRevision: revision })
}

/** Phase 1 → 2: the marker. Its own index becomes the cutover index, once and for ever. */
export function enableRaftEnvelope(
  state: SidecarState,
  { raftKeyId }: Omit<Command.EnableRaftEnvelope, "_tag">,
  { index }: Pick<ApplyContext, "index">
): Transition {
  if (state.raftEnvelopeCutoverIndex !== 0) {
    return refuse(state, { _tag: "AlreadyActive", index: state.raftEnvelopeCutoverIndex })
  }
  if (!isBootstrapped(state)) return refuse(state, { _tag: "NotBootstrapped" })
  if (state.storageEnvelopeIndex === 0) return refuse(state, { _tag: "StorageEnvelopeNotEnabled" })
  if (raftKeyId !== state.active.raft) return refuse(state, { _tag: "Stale" })
  return applied({ ...state, raftEnvelopeCutoverIndex: index })
}

const isBootstrapped = ({ active }: SidecarState): boolean =>
  active.storage !== 0 && active.raft !== 0

const applied = (state: SidecarState): Transition => ({ state, outcome: { _tag: "Applied" } })

const refuse = (state: SidecarState, outcome: SidecarOutcome): Transition => ({ state, outcome })

const ascending = (keys: ReadonlyArray<WrappedKey>): ReadonlyArray<WrappedKey> =>
  keys.toSorted((a, b) => a.id - b.id)

const created = (
  { clusterId }: SidecarState,
  { keyId, purpose, wrapped }: Command.KeyDelivery & { readonly purpose: KeyPurpose },
  createdIndex: LogIndex
): WrappedKey => ({ id: keyId, purpose, clusterId, wrapped: ownCopy(wrapped), createdIndex })

/** The state outlives the entry that brought the key: it must not keep the entry's memory alive. */
const ownCopy = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes)
