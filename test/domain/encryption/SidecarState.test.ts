import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type * as Command from "../../../src/domain/encryption/Command.ts"
import * as SidecarRecord from "../../../src/domain/encryption/SidecarRecord.ts"
import * as SidecarState from "../../../src/domain/encryption/SidecarState.ts"
import * as Limits from "../../../src/domain/Limits.ts"
import { hex, int } from "../bytes/Decoding.ts"
import * as Samples from "./Samples.ts"

const { index, key, revision } = Samples
const at = (value: number) => ({ index: index(value), revision: revision(100 + value) })
const deliver = (id: number) => ({ keyId: key(id), wrapped: hex("aabb") })

/** The state after these commands, the first of them at index 1; each must be applied. */
function stateAfter(...commands: ReadonlyArray<Command.Command>): SidecarState.SidecarState {
  let state = SidecarState.initial(Samples.clusterId)
  commands.forEach((command, position) => {
    const transition = SidecarState.apply(state, command, at(position + 1))
    expect(transition.outcome).toEqual({ _tag: "Applied" })
    state = transition.state
  })
  return state
}

const bootstrap = { _tag: "Bootstrap", storage: deliver(7), raft: deliver(3), writers: [] } as const
const enableStorage = { _tag: "EnableStorageEnvelope", storageKeyId: key(7) } as const
const marker = { _tag: "EnableRaftEnvelope", raftKeyId: key(3) } as const
const rotateRaft = { _tag: "Rotate", purpose: "raft", replaces: key(3), ...deliver(5) } as const
const rotateStorage = {
  _tag: "Rotate",
  purpose: "storage",
  replaces: key(7),
  ...deliver(9)
} as const

/** Refused: the state is the same object, so nothing of it can have changed. */
function refuses(
  state: SidecarState.SidecarState,
  command: Command.Command,
  outcome: SidecarState.SidecarOutcome
): void {
  const transition = SidecarState.apply(state, command, at(50))
  expect(transition.outcome).toEqual(outcome)
  expect(transition.state).toBe(state)
}

describe("SidecarState", () => {
  it("begins in phase 0, without keys, with nothing sealed", () => {
    const state = SidecarState.initial(Samples.clusterId)
    expect(SidecarState.phase(state)).toBe(0)
    expect(SidecarState.isEntrySealed(state, index(1))).toBe(false)
    expect(SidecarState.isValueSealed(state, revision(1))).toBe(false)
  })

  it("bootstraps once: both keys, ascending, active, of this cluster and index", () => {
    const state = stateAfter(bootstrap)
    expect(state.active).toEqual({ storage: 7, raft: 3 })
    expect(
      state.keys.map(({ createdIndex, clusterId, id, purpose }) => [
        id,
        purpose,
        createdIndex,
        clusterId
      ])
    ).toEqual([
      [3, "raft", 1, Samples.clusterId],
      [7, "storage", 1, Samples.clusterId]
    ])
    expect(SidecarState.phase(state)).toBe(0)
    refuses(state, bootstrap, { _tag: "AlreadyBootstrapped" })
    const other = { ...bootstrap, storage: deliver(20), raft: deliver(21) }
    refuses(state, other, { _tag: "AlreadyBootstrapped" })
  })

  it("refuses a bootstrap with one id for both keys", () => {
    const state = SidecarState.initial(Samples.clusterId)
    const same = { ...bootstrap, raft: deliver(7) }
    refuses(state, same, { _tag: "KeyIdTaken", keyId: key(7) })
  })

  it("refuses everything but a bootstrap before there are keys", () => {
    const state = SidecarState.initial(Samples.clusterId)
    for (const command of [rotateRaft, enableStorage, marker]) {
      refuses(state, command, { _tag: "NotBootstrapped" })
    }
    refuses(state, { _tag: "Retire", keyId: key(1) }, { _tag: "KeyUnknown", keyId: key(1) })
  })

  it("rotates: the new key is active, the old one stays, a known id is refused", () => {
    const state = stateAfter(bootstrap, rotateRaft)
    expect(state.active).toEqual({ storage: 7, raft: 5 })
    expect(state.keys.map(({ id }) => id)).toEqual([3, 5, 7])
    for (const taken of [3, 5, 7]) {
      const again = { ...rotateStorage, ...deliver(taken) }
      refuses(state, again, { _tag: "KeyIdTaken", keyId: key(taken) })
    }
  })

  it("rotates once, however often the same key is to be replaced, also by its own command", () => {
    const state = stateAfter(bootstrap, rotateRaft)
    refuses(state, rotateRaft, { _tag: "Stale" })
    refuses(state, { ...rotateRaft, ...deliver(6) }, { _tag: "Stale" })
    refuses(state, { ...rotateStorage, replaces: key(5) }, { _tag: "Stale" })
    const next = { ...rotateRaft, replaces: key(5), ...deliver(6) }
    expect(SidecarState.apply(state, next, at(3)).state.active).toEqual({ storage: 7, raft: 6 })
  })

  it("refuses a rotation beyond the keys a sidecar may hold", () => {
    let state = stateAfter(bootstrap)
    const next = (id: number) => ({ ...rotateRaft, replaces: state.active.raft, ...deliver(id) })
    for (let id = 100; state.keys.length < Limits.dataKeysMax; id++) {
      state = SidecarState.rotate(state, next(id), at(2)).state
    }
    refuses(state, next(5), { _tag: "TooManyKeys" })
  })

  it("enables the storage envelope with its index and revision, once", () => {
    const state = stateAfter(bootstrap, enableStorage)
    expect(SidecarState.phase(state)).toBe(1)
    expect([state.storageEnvelopeIndex, state.storageEnvelopeRevision]).toEqual([2, 102])
    expect(SidecarState.isValueSealed(state, revision(102))).toBe(false)
    expect(SidecarState.isValueSealed(state, revision(103))).toBe(true)
    refuses(state, enableStorage, { _tag: "AlreadyActive", index: index(2) })
    refuses(stateAfter(bootstrap, rotateStorage), enableStorage, { _tag: "Stale" })
  })

  it("cuts over at the marker's own index, strictly above which entries are sealed", () => {
    const state = stateAfter(bootstrap, enableStorage, marker)
    expect(SidecarState.phase(state)).toBe(2)
    expect(state.raftEnvelopeCutoverIndex).toBe(3)
    expect(SidecarState.isEntrySealed(state, index(2))).toBe(false)
    expect(SidecarState.isEntrySealed(state, index(3))).toBe(false)
    expect(SidecarState.isEntrySealed(state, index(4))).toBe(true)
  })

  it("answers a second marker with the original index, whichever key it names", () => {
    const state = stateAfter(bootstrap, enableStorage, marker, rotateRaft)
    refuses(state, marker, { _tag: "AlreadyActive", index: index(3) })
    refuses(state, { ...marker, raftKeyId: key(5) }, { _tag: "AlreadyActive", index: index(3) })
  })

  it("refuses a marker in phase 0", () => {
    refuses(stateAfter(bootstrap), marker, { _tag: "StorageEnvelopeNotEnabled" })
  })

  it("takes a marker for stale that names a DEK which is no longer active", () => {
    refuses(stateAfter(bootstrap, enableStorage, rotateRaft), marker, { _tag: "Stale" })
    const storageKey = { ...marker, raftKeyId: key(7) }
    refuses(stateAfter(bootstrap, enableStorage), storageKey, { _tag: "Stale" })
  })

  it("rewraps exactly the known keys, and changes nothing else", () => {
    const state = stateAfter(bootstrap, rotateRaft)
    const keys = [7, 3, 5].map((id) => ({ keyId: key(id), wrapped: hex("dd") }))
    const { outcome, state: rewrapped } = SidecarState.rewrap(state, { keys })
    expect(outcome).toEqual({ _tag: "Applied" })
    expect(rewrapped.keys).toEqual(
      state.keys.map((each) => ({ ...each, wrapped: Uint8Array.of(0xdd) }))
    )
    for (const wrong of [keys.slice(1), [...keys, deliver(9)], [...keys.slice(1), keys[1]!]]) {
      refuses(state, { _tag: "Rewrap", keys: wrong }, { _tag: "KeysChanged" })
    }
  })

  it("retires a key that is not active", () => {
    const state = stateAfter(bootstrap, rotateRaft)
    const { state: retired } = SidecarState.retire(state, { keyId: key(3) })
    expect(retired.keys.map(({ id }) => id)).toEqual([5, 7])
    for (const active of [5, 7]) {
      const command = { _tag: "Retire", keyId: key(active) } as const
      refuses(state, command, { _tag: "KeyActive", keyId: key(active) })
    }
  })

  it("keeps no memory of the entry that brought a key", () => {
    const wrapped = hex("aabb")
    const state = stateAfter({ ...bootstrap, raft: { keyId: key(3), wrapped } })
    wrapped.fill(0)
    expect([...SidecarState.keyOf(state, key(3))!.wrapped]).toEqual([0xaa, 0xbb])
  })

  it.prop(
    "stays consistent under any sequence of commands; phases and the cutover index only advance",
    { steps: Schema.Array(Schema.Struct({ what: int(0, 8), id: int(1, 6) })) },
    ({ steps }) => {
      let state = SidecarState.initial(Samples.clusterId)
      steps.forEach(({ id, what }, position) => {
        const before = state
        const command = anyCommand(what, id, state)
        const transition = SidecarState.apply(state, command, at(position + 1))
        state = transition.state
        expect(transition.outcome._tag === "Applied").toBe(state !== before)
        expect(SidecarRecord.problemOf(state)).toBeUndefined()
        expect(SidecarState.phase(state)).toBeGreaterThanOrEqual(SidecarState.phase(before))
        if (before.raftEnvelopeCutoverIndex !== 0) {
          expect(state.raftEnvelopeCutoverIndex).toBe(before.raftEnvelopeCutoverIndex)
        }
        const ids = state.keys.map((each) => each.id)
        expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
      })
    },
    { arbitrary: { runs: 400, seed: 33, size: 40 } }
  )
})

function anyCommand(
  what: number,
  id: number,
  { active }: SidecarState.SidecarState
): Command.Command {
  switch (what) {
    case 0:
      return { ...bootstrap, storage: deliver(id), raft: deliver(1 + (id % 6)) }
    case 1:
      return { ...rotateRaft, ...deliver(id) }
    case 2:
      return { ...rotateStorage, ...deliver(id) }
    case 3:
      return { _tag: "Retire", keyId: key(id) }
    case 4:
      return { _tag: "EnableStorageEnvelope", storageKeyId: key(id) }
    case 5:
      return { _tag: "Rewrap", keys: [deliver(id), deliver(1 + (id % 6))] }
    case 7:
      return { ...rotateRaft, replaces: active.raft, ...deliver(id) }
    case 8:
      return { ...rotateStorage, replaces: active.storage, ...deliver(id) }
    default:
      return { _tag: "EnableRaftEnvelope", raftKeyId: key(id) }
  }
}
