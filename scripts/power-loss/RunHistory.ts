/**
 * What a recorded run has put in its log, and the state that this makes at each index: a map, folded
 * over the entries, that knows nothing of how a node applies them.
 *
 * Proof that it is the run's own history: `confirm` holds every mark of the run against it.
 */
import { crc32 } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as ReplicatedState from "../../src/domain/apply/ReplicatedState.ts"
import type { DataKey } from "../../src/domain/encryption/DataKey.ts"
import type { KeyLookup } from "../../src/domain/encryption/Envelope.ts"
import * as RaftEnvelope from "../../src/domain/encryption/RaftEnvelope.ts"
import type { SidecarState } from "../../src/domain/encryption/SidecarState.ts"
import * as WrappedDek from "../../src/domain/encryption/WrappedDek.ts"
import type { KeyId, LogIndex } from "../../src/domain/Ids.ts"
import * as Command from "../../src/domain/kv/Command.ts"
import * as Payload from "../../src/domain/log/Payload.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import { groupId } from "../../src/layers/Node.ts"
import * as StoppedNode from "../../src/layers/StoppedNode.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import { kek } from "../../test/support/PowerLossNode.ts"
import type { Mark } from "./Mark.ts"

/** A value as it must be stored. */
export interface ExpectedValue {
  readonly value: Buffer
  readonly revision: number
  readonly createRevision: number
  readonly isSealed: boolean
}

/** The state after an entry. Never changed once it is made. */
export interface Expected {
  readonly index: number
  readonly revision: number
  readonly values: ReadonlyMap<string, ExpectedValue>
  /** How many keys the sidecar holds. */
  readonly keyCount: number
  readonly storageEnvelopeIndex: number
  readonly cutoverIndex: number
}

/** The entry that made a revision, and what it did. */
interface Change {
  readonly index: number
  readonly key: string
  /** `undefined` if it was a deletion. */
  readonly digest: number | undefined
}

const empty: Expected = {
  index: 0,
  revision: 0,
  values: new Map(),
  keyCount: 0,
  storageEnvelopeIndex: 0,
  cutoverIndex: 0
}

const everythingBytes = 1 << 30

/** All entries of a log. */
export const entriesOf = ({ reader }: RaftLogStore["Service"]): ReadonlyArray<Entry> =>
  reader.entries(1 as LogIndex, (reader.lastIndex() + 1) as LogIndex, everythingBytes)

/** The DEKs of a sidecar, unwrapped under the KEK of the run. */
export function keysOf(sidecar: SidecarState): KeyLookup {
  const keys = new Map<KeyId, DataKey>()
  for (const identity of sidecar.keys) {
    const key = WrappedDek.unwrap({ kek: kek(), identity }, identity.wrapped)
    keys.set(identity.id, Result.getOrThrow(key))
  }
  return (keyId) => keys.get(keyId)
}

/** Reads the directory that a run has left; nobody uses it. */
export const read = (directory: string) =>
  Effect.gen(function* () {
    const state = yield* Effect.fromResult(
      ReplicatedState.load((yield* StateStore).reader, groupId)
    )
    const keys: KeyLookup = state === undefined ? () => undefined : keysOf(state.sidecar)
    return new RunHistory(entriesOf(yield* RaftLogStore), keys)
  }).pipe(Effect.provide(StoppedNode.stores({ directory })), Effect.scoped)

export class RunHistory {
  readonly entries: ReadonlyArray<Entry>
  private readonly states: Array<Expected> = [empty]
  private readonly changes = new Map<number, Change>()

  constructor(entries: ReadonlyArray<Entry>, keys: KeyLookup) {
    this.entries = entries
    for (const entry of entries) this.states.push(this.after(entry, keys))
  }

  /** `undefined` above the last entry. */
  at(index: number): Expected | undefined {
    return this.states[index]
  }

  /** Every key that was ever written. */
  get keys(): ReadonlySet<string> {
    return new Set([...this.changes.values()].map(({ key }) => key))
  }

  /** The entries above the marker that are sealed. */
  get sealed(): ReadonlyArray<Entry> {
    const { cutoverIndex } = this.last
    if (cutoverIndex === 0) return []
    return this.entries.filter(({ index, kind }) => kind === "normal" && index > cutoverIndex)
  }

  get last(): Expected {
    return this.states.at(-1)!
  }

  /** The index of the entry that made what a mark acknowledges; 0 if it changed nothing. */
  indexOf(mark: Mark): number {
    switch (mark._tag) {
      case "Opening":
      case "Opened":
        return 0
      case "Put":
      case "Deleted":
        return mark.revision === 0 ? 0 : this.changeOf(mark.revision).index
      case "StorageEnvelope":
      case "CutOver":
        return mark.index
    }
  }

  /** Throws unless the log says what the marks say. */
  confirm(marks: ReadonlyArray<Mark>): void {
    for (const mark of marks) if (!this.agrees(mark)) throw new Error(`the log lacks ${mark._tag}`)
  }

  private agrees(mark: Mark): boolean {
    switch (mark._tag) {
      case "Opening":
      case "Opened":
        return true
      case "Put": {
        const { digest, key } = this.changeOf(mark.revision)
        return key === mark.key && digest === mark.digest
      }
      case "Deleted": {
        if (!mark.deleted) return mark.revision <= this.last.revision
        const { digest, key } = this.changeOf(mark.revision)
        return key === mark.key && digest === undefined
      }
      case "StorageEnvelope":
        return this.last.storageEnvelopeIndex === mark.index
      case "CutOver":
        return this.last.cutoverIndex === mark.index
    }
  }

  private changeOf(revision: number): Change {
    const change = this.changes.get(revision)
    if (change === undefined) throw new Error(`no entry of the log made revision ${revision}`)
    return change
  }

  private after(entry: Entry, keys: KeyLookup): Expected {
    const before = { ...this.last, index: entry.index as number }
    if (entry.kind !== "normal") return before
    let body = Result.getOrThrow(ProposalEnvelope.decode(entry.data)).body
    if (before.cutoverIndex !== 0) {
      body = Result.getOrThrow(RaftEnvelope.open({ keys, groupId, ...entry }, body))
    }
    const payload = Result.getOrThrow(Payload.decode(body))
    switch (payload._tag) {
      case "Requests":
        return payload.requests.reduce((state, { content }) => this.changed(state, content), before)
      case "Bootstrap":
        return { ...before, keyCount: 2 }
      case "EnableStorageEnvelope":
        return { ...before, storageEnvelopeIndex: entry.index }
      case "EnableRaftEnvelope":
        return { ...before, cutoverIndex: entry.index }
      default:
        throw new Error(`the run is not known to propose ${payload._tag}`)
    }
  }

  private changed(state: Expected, content: Uint8Array): Expected {
    const command = Result.getOrThrow(Command.decode(content))
    if (command._tag !== "Put" && command._tag !== "Delete") return state
    const key = Buffer.from(command.key).toString()
    const known = state.values.get(key)
    if (command._tag === "Delete" && known === undefined) return state
    const revision = state.revision + 1
    const values = new Map(state.values)
    values.delete(key)
    if (command._tag === "Put") {
      const createRevision = known?.createRevision ?? revision
      const isSealed = state.storageEnvelopeIndex !== 0
      values.set(key, { value: Buffer.from(command.value), revision, createRevision, isSealed })
    }
    const digest = command._tag === "Put" ? crc32(command.value) : undefined
    this.changes.set(revision, { index: state.index, key, digest })
    return { ...state, revision, values }
  }
}
