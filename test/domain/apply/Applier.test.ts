import { describe, expect, it } from "vitest"
import { Applier } from "../../../src/domain/apply/Applier.ts"
import * as ReplicatedState from "../../../src/domain/apply/ReplicatedState.ts"
import * as Command from "../../../src/domain/encryption/Command.ts"
import type { DataKey } from "../../../src/domain/encryption/DataKey.ts"
import * as Nonce from "../../../src/domain/encryption/Nonce.ts"
import * as RaftEnvelope from "../../../src/domain/encryption/RaftEnvelope.ts"
import type { KeyId, LocalEpoch, LogIndex, Term, WriterId } from "../../../src/domain/Ids.ts"
import * as KvCommand from "../../../src/domain/kv/Command.ts"
import * as KvMachine from "../../../src/domain/kv/KvMachine.ts"
import * as Limits from "../../../src/domain/Limits.ts"
import * as Payload from "../../../src/domain/log/Payload.ts"
import * as ProposalEnvelope from "../../../src/domain/log/ProposalEnvelope.ts"
import type { Entry } from "../../../src/domain/raft/Entry.ts"
import { Counters } from "../../../src/domain/telemetry/Counters.ts"
import { seededNumbers } from "../../support/SeededNumbers.ts"
import {
  clusterId,
  groupId,
  holding,
  raftKey,
  raftKeyId,
  stateOnDisk,
  storageKey,
  storageKeyId,
  text
} from "./Replica.ts"

const term = 2 as Term
const wrapped = Buffer.alloc(61, 1)

const put = (key: string, value: string) =>
  Payload.encodeRequests([
    {
      session: undefined,
      content: KvCommand.encode({ _tag: "Put", key: text(key), value: text(value) })
    }
  ])

const bootstrap = Command.encode({
  _tag: "Bootstrap",
  storage: { keyId: storageKeyId, wrapped },
  raft: { keyId: raftKeyId, wrapped },
  writers: []
})
const enableStorage = Command.encode({ _tag: "EnableStorageEnvelope", storageKeyId })
const marker = Command.encode({ _tag: "EnableRaftEnvelope", raftKeyId })

const entry = (index: number, body: Uint8Array): Entry => ({
  index: index as LogIndex,
  term,
  kind: "normal",
  data: ProposalEnvelope.encode({ proposalId: BigInt(index), body })
})

/** Sealed for `index`, and put at `at` if that is another. */
const sealedEntry = (index: number, body: Uint8Array, at = index): Entry => {
  const nonce = Nonce.raft({
    writerId: 1 as WriterId,
    localEpoch: 1 as LocalEpoch,
    writeCount: index
  })
  const place = { groupId, term, index: index as LogIndex }
  return entry(at, RaftEnvelope.seal({ key: raftKey, nonce, ...place }, body))
}

const noop = (index: number): Entry => ({
  index: index as LogIndex,
  term,
  kind: "noop",
  data: Buffer.alloc(0)
})

function replica(held: Array<DataKey> = [storageKey, raftKey]) {
  const { contents, disk, store } = stateOnDisk()
  const flags: Array<number> = []
  const applier: Applier = new Applier(
    {
      groupId,
      keys: (id) => holding(...held)(id),
      machine: KvMachine,
      store,
      counters: new Counters(),
      onCutOver: () => flags.push(applier?.position.index ?? -1)
    },
    ReplicatedState.initial({ groupId, clusterId })
  )
  return { applier, contents, disk, flags, held, store }
}

/** Phase 2 from entry 5 on, with plain and sealed entries. */
const history: ReadonlyArray<Entry> = [
  noop(1),
  entry(2, put("a", "plain")),
  entry(3, bootstrap),
  entry(4, enableStorage),
  entry(5, marker),
  sealedEntry(6, put("a", "sealed")),
  noop(7),
  sealedEntry(8, put("b", "sealed too"))
]

describe("the applier (SPEC §11)", () => {
  it("takes an entry for sealed strictly above the cutover index, also within one run", () => {
    const { applier } = replica()
    const run = applier.apply(history)
    expect(run.failure).toBeUndefined()
    expect(run.outcomes).toHaveLength(history.length)
    expect(applier.sidecar.raftEnvelopeCutoverIndex).toBe(5)
    expect(applier.position).toMatchObject({ index: 8, term })
    expect(applier.revision).toBe(3)
  })

  it("gives the same state however the entries are cut into runs", () => {
    const whole = replica()
    whole.applier.apply(history)
    const numbers = seededNumbers(4)
    for (let round = 0; round < 60; round++) {
      const split = replica()
      for (let from = 0; from < history.length; ) {
        const until = from + 1 + numbers.below(history.length - from)
        expect(split.applier.apply(history.slice(from, until)).failure).toBeUndefined()
        from = until
      }
      expect(split.contents()).toEqual(whole.contents())
    }
  })

  it("ends a run where its answers have grown large, and goes on from there", () => {
    const { applier } = replica()
    const value = "v".repeat(Limits.valueBytesMax)
    const request = (command: KvCommand.Command) => ({
      session: undefined,
      content: KvCommand.encode(command)
    })
    const reads = Payload.encodeRequests(
      Array.from({ length: 5 }, () => request({ _tag: "Get", key: text("a") }))
    )
    const entries = [1, 2, 3, 4, 5].map((index) =>
      entry(index, index === 1 ? put("a", value) : reads)
    )
    const most = Limits.runAnswerBytesMax / Limits.valueBytesMax
    for (let from = 0; from < entries.length; ) {
      const { failure, missingKeys, outcomes } = applier.apply(entries.slice(from))
      expect([failure, missingKeys]).toEqual([undefined, []])
      const answers = outcomes.flatMap((each) => (each._tag === "Results" ? each.results : []))
      expect(answers.length).toBeLessThan(most + 5)
      expect(outcomes.length).toBeGreaterThan(0)
      from += outcomes.length
    }
    expect(applier.position.index).toBe(5)
  })

  it("sets the wrap flag before the applied index of the marker can be seen", () => {
    const { applier, flags } = replica()
    applier.apply(history.slice(0, 4))
    expect(flags).toEqual([])
    applier.apply(history.slice(4, 5))
    expect(flags).toEqual([4])
    expect(applier.position.index).toBe(5)
  })

  it("sets the wrap flag at start-up if the cutover was applied, and only then", () => {
    const { applier, store } = replica()
    applier.apply(history)
    const load = () => ReplicatedState.load(store.reader, groupId)
    const loaded = load()
    if (loaded._tag === "Failure" || loaded.success === undefined) return expect.unreachable()
    let flagged = 0
    const counters = new Counters()
    const keys = holding(storageKey, raftKey)
    const parts = { counters, groupId, keys, machine: KvMachine, store }
    new Applier({ ...parts, onCutOver: () => flagged++ }, loaded.success)
    expect(flagged).toBe(1)
    const fresh = ReplicatedState.initial({ groupId, clusterId })
    new Applier({ ...parts, onCutOver: () => flagged++ }, fresh)
    expect(flagged).toBe(1)
  })

  it("an entry that fails leaves nothing, stops all after it, and keeps all before it", () => {
    for (const [bad, failure] of [
      [sealedEntry(9, put("c", "x"), 7), { _tag: "RaftUnwrapFailed", reason: "tagMismatch" }],
      [entry(7, put("c", "plain")), { _tag: "RaftUnwrapFailed", index: 7 }],
      [sealedEntry(7, Buffer.from([0x7f])), { _tag: "ApplyFailed", reason: "unknownOpcode" }],
      [sealedEntry(7, Buffer.from([0, 0, 1])), { _tag: "ApplyFailed", reason: "malformed" }],
      [
        { ...noop(7), kind: "normal" },
        { _tag: "ApplyFailed", reason: "badEnvelope" }
      ],
      [
        { ...noop(7), kind: "membership", data: Buffer.from([9]) },
        { _tag: "ApplyFailed", reason: "malformed" }
      ]
    ] as const) {
      const { applier, contents } = replica()
      const good = replica()
      good.applier.apply(history.slice(0, 6))
      const run = applier.apply([...history.slice(0, 6), bad, history[7]!])
      expect(run.outcomes).toHaveLength(6)
      expect(run.failure).toMatchObject({ ...failure, term })
      expect(applier.position.index).toBe(6)
      expect(contents()).toEqual(good.contents())
    }
  })

  it("a batch whose last request fails leaves none of them", () => {
    const { applier, contents } = replica()
    const before = contents()
    const body = Payload.encodeRequests([
      {
        session: undefined,
        content: KvCommand.encode({ _tag: "Put", key: text("k"), value: text("v") })
      },
      { session: undefined, content: Buffer.from([0xee]) }
    ])
    expect(applier.apply([entry(1, body)]).failure).toMatchObject({ reason: "malformed" })
    expect(contents()).toEqual(before)
  })

  it("asks for the keys an entry brings before it applies it", () => {
    const { applier, held } = replica([])
    const first = applier.apply(history)
    expect(first.outcomes).toHaveLength(2)
    expect(first.missingKeys.map(({ id }) => id)).toEqual([storageKeyId, raftKeyId])
    expect(applier.position.index).toBe(2)
    held.push(storageKey, raftKey)
    const second = applier.apply(history.slice(2))
    expect(second).toMatchObject({ missingKeys: [], failure: undefined })
    expect(applier.position.index).toBe(8)
  })

  it("moves past deterministic refusals, which change nothing else", () => {
    const { applier } = replica()
    const stale = Command.encode({ _tag: "EnableRaftEnvelope", raftKeyId: 1 as KeyId })
    const run = applier.apply([
      entry(1, marker),
      entry(2, bootstrap),
      entry(3, bootstrap),
      entry(4, marker),
      entry(5, enableStorage),
      entry(6, stale),
      entry(7, marker)
    ])
    expect(run.outcomes.map((outcome) => "outcome" in outcome && outcome.outcome._tag)).toEqual([
      "NotBootstrapped",
      "Applied",
      "AlreadyBootstrapped",
      "StorageEnvelopeNotEnabled",
      "Applied",
      "Stale",
      "Applied"
    ])
    expect(applier.sidecar.raftEnvelopeCutoverIndex).toBe(7)
    const again = applier.apply([sealedEntry(8, marker)])
    expect(again.outcomes).toEqual([
      { _tag: "Encryption", outcome: { _tag: "AlreadyActive", index: 7 } }
    ])
  })

  it("refuses a gap and a repetition as bugs", () => {
    const { applier } = replica()
    expect(() => applier.apply([noop(2)])).toThrow("in order")
    applier.apply([noop(1)])
    expect(() => applier.apply([noop(1)])).toThrow("in order")
    expect(applier.position.index).toBe(1)
  })
})

describe("a state that a snapshot has brought (SPEC §13, §16)", () => {
  /** As another replica has it after these entries. */
  const stateAfter = (entries: ReadonlyArray<Entry>) => {
    const { applier, store } = replica()
    applier.apply(entries)
    return { state: ReplicatedState.load(store.reader, groupId), applier }
  }

  it("sets the wrap flag before its applied index can be seen, and is what is applied on", () => {
    const { state } = stateAfter(history.slice(0, 6))
    if (state._tag === "Failure" || state.success === undefined) throw new Error("no state")
    const { applier, flags } = replica()
    applier.apply(history.slice(0, 2))
    applier.restore(state.success)
    expect(flags, "set while the applied index was still that of before").toEqual([2])
    expect(applier.position.index).toBe(6)
    expect(applier.sidecar.raftEnvelopeCutoverIndex).toBe(5)
    expect(applier.apply(history.slice(6)).outcomes).toHaveLength(2)
  })

  it("leaves the flag alone below the cutover, and never goes back", () => {
    const { state } = stateAfter(history.slice(0, 4))
    if (state._tag === "Failure" || state.success === undefined) throw new Error("no state")
    const { applier, flags } = replica()
    applier.restore(state.success)
    expect(flags).toEqual([])
    expect(() => applier.restore(state.success!)).toThrow()
  })
})
