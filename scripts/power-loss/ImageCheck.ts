/**
 * Is what a power loss has left a directory that a node may go on from?
 *
 * Looks at the stores as they were left, starts the node twice, and holds what it finds against the
 * history of the run. Every opening is that of the product: nothing is repaired here.
 * Proof: the planted bugs of `test/e2e/PowerLoss.test.ts`.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as ReplicatedState from "../../src/domain/apply/ReplicatedState.ts"
import * as StorageEnvelope from "../../src/domain/encryption/StorageEnvelope.ts"
import * as Value from "../../src/domain/kv/Value.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import { groupId } from "../../src/layers/Node.ts"
import * as StoppedNode from "../../src/layers/StoppedNode.ts"
import { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import { KvStore } from "../../src/services/KvStore.ts"
import { Opening } from "../../src/services/Opening.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"
import { StateStore } from "../../src/services/StateStore.ts"
import { ready, text } from "../../test/support/NodeCalls.ts"
import * as PowerLossNode from "../../test/support/PowerLossNode.ts"
import type * as Mark from "./Mark.ts"
import { type Expected, entriesOf, keysOf, type RunHistory } from "./RunHistory.ts"

export interface Verdict {
  /** Acknowledged writes and changes of phase whose entry is not in the log. */
  readonly acknowledgedLost: number
  /** One sentence for each thing that is not as the history says. */
  readonly mismatches: ReadonlyArray<string>
  /** Why the directory could not be opened, or a node not be started on it. */
  readonly refused: string | undefined
  /** Of the log, and of the state before it was replayed. */
  readonly lastIndex: number
  readonly appliedIndex: number
}

export interface Question {
  /** Of the image. */
  readonly directory: string
  /** What the process had said before the power was lost. */
  readonly marks: ReadonlyArray<Mark.Mark>
}

export const check = (question: Question, history: RunHistory): Effect.Effect<Verdict> => {
  const findings = new Findings()
  return new ImageCheck(question, history, findings).run.pipe(
    Effect.catchCause((cause) =>
      Effect.sync(() => {
        findings.refused = String(Cause.squash(cause)).split("\n")[0]
      })
    ),
    Effect.map(() => ({ ...findings }))
  )
}

class Findings implements Verdict {
  acknowledgedLost = 0
  readonly mismatches: Array<string> = []
  refused: string | undefined = undefined
  lastIndex = 0
  appliedIndex = 0

  expect(holds: boolean, otherwise: string): void {
    if (!holds) this.mismatches.push(otherwise)
  }
}

const startMillisMax = 20_000
const probeKey = "probe"

class ImageCheck {
  private readonly question: Question
  private readonly history: RunHistory
  private readonly findings: Findings

  constructor(question: Question, history: RunHistory, findings: Findings) {
    this.question = question
    this.history = history
    this.findings = findings
  }

  get run() {
    const { directory } = this.question
    return Effect.gen({ self: this }, function* () {
      // A directory without a log is new to a node, and refused by whoever only looks.
      if (existsSync(join(directory, "log"))) {
        yield* this.inspect.pipe(Effect.provide(StoppedNode.stores({ directory })), Effect.scoped)
      }
      this.countLost()
      const expected = this.history.at(this.findings.lastIndex)
      if (expected === undefined) return
      for (const start of ["first", "second"] as const) {
        yield* this.started(start, expected).pipe(
          Effect.timeout(startMillisMax),
          Effect.provide(PowerLossNode.layer(directory)),
          Effect.scoped
        )
      }
    })
  }

  /** As the power loss left it, before anything is replayed. */
  private get inspect() {
    return Effect.gen({ self: this }, function* () {
      const { findings, history } = this
      const entries = entriesOf(yield* RaftLogStore)
      findings.lastIndex = entries.length
      const isPrefix = entries.every((entry, at) => isSameEntry(entry, history.entries[at]))
      findings.expect(isPrefix, "the log is not a prefix of the run's")
      const { reader } = yield* StateStore
      const state = yield* Effect.fromResult(ReplicatedState.load(reader, groupId))
      const applied = state?.applied.index ?? 0
      findings.appliedIndex = applied
      findings.expect(
        applied <= entries.length,
        `applied ${applied}, log ends at ${entries.length}`
      )
      const expected = history.at(applied)
      if (expected === undefined) return findings.expect(false, `applied ${applied} never was`)
      if (state === undefined) {
        return findings.expect(reader.range("kv", {}).length === 0, "values without a state")
      }
      this.compareState(state, expected)
      this.compareValues(reader, state, expected)
    })
  }

  private compareState({ applied, sidecar }: ReplicatedState.ReplicatedState, expected: Expected) {
    const { findings } = this
    const { raftEnvelopeCutoverIndex: cutover, storageEnvelopeIndex: storage } = sidecar
    const at = `at applied index ${expected.index}`
    findings.expect(applied.revision === expected.revision, `revision ${applied.revision} ${at}`)
    findings.expect(cutover === expected.cutoverIndex, `cutover index ${cutover} ${at}`)
    findings.expect(storage === expected.storageEnvelopeIndex, `storage index ${storage} ${at}`)
    findings.expect(sidecar.keys.length === expected.keyCount, `${sidecar.keys.length} keys ${at}`)
  }

  private compareValues(
    reader: StateStore["Service"]["reader"],
    { sidecar }: ReplicatedState.ReplicatedState,
    { index, values }: Expected
  ) {
    const { findings } = this
    const keys = keysOf(sidecar)
    const rows = reader.range("kv", {})
    findings.expect(rows.length === values.size, `${rows.length} values at applied index ${index}`)
    for (const row of rows) {
      const expected = values.get(Buffer.from(row.key).toString())
      const found = Result.getOrThrow(Value.decode(row.value))
      const value = found.isSealed
        ? Result.getOrThrow(
            StorageEnvelope.open({ keys, groupId, storeKey: row.key, ...found }, found.bytes)
          )
        : found.bytes
      findings.expect(
        expected?.isSealed === found.isSealed && isSameValue({ ...found, value }, expected),
        `another value than at applied index ${index}`
      )
    }
  }

  private countLost(): void {
    const { findings, history, question } = this
    const lost = question.marks.filter((mark) => history.indexOf(mark) > findings.lastIndex)
    findings.acknowledgedLost = lost.length
    findings.expect(
      history.at(findings.lastIndex) !== undefined,
      `the log ends at ${findings.lastIndex}, above the run's own`
    )
  }

  /** A node on the image: it serves what the log says, it is who it was, and it can write. */
  private started(start: "first" | "second", expected: Expected) {
    return Effect.gen({ self: this }, function* () {
      yield* ready
      this.compareIdentity(yield* Opening)
      yield* this.compareAnswers(start, expected)
      const status = (yield* EncryptionAdmin).status()
      const { findings } = this
      const { cutoverIndex, isWrapFlagSet, phase } = status
      const expectedPhase = phaseOf(expected)
      findings.expect(
        cutoverIndex === expected.cutoverIndex,
        `cutover index ${cutoverIndex} served`
      )
      findings.expect(phase === expectedPhase, `phase ${phase} served, not ${expectedPhase}`)
      findings.expect(isWrapFlagSet === (phase === 2), `wrap flag ${isWrapFlagSet}, phase ${phase}`)
      const store = yield* KvStore
      yield* store.put(text(probeKey), text(start))
      const log = yield* RaftLogStore
      this.compareNonces(entriesOf(log), expected)
    })
  }

  private compareIdentity({ bootCount, clusterId }: Opening["Service"]) {
    const opened = this.question.marks.findLast(({ _tag }) => _tag === "Opened")
    if (opened?._tag !== "Opened") return
    this.findings.expect(clusterId === opened.clusterId, "the node is of another cluster")
    this.findings.expect(bootCount > opened.bootCount, `boot count ${bootCount} has come back`)
  }

  private compareAnswers(start: "first" | "second", { values }: Expected) {
    return Effect.gen({ self: this }, function* () {
      const store = yield* KvStore
      for (const key of this.history.keys) {
        const found = yield* store.get(text(key))
        this.findings.expect(
          isSameValue(found, values.get(key)),
          `another value than the log's is read back after the ${start} start`
        )
      }
      const probe = yield* store.get(text(probeKey))
      const written = start === "first" ? undefined : "first"
      const read = probe === undefined ? undefined : Buffer.from(probe.value).toString()
      this.findings.expect(read === written, "what the first start wrote is not read back")
    })
  }

  /**
   * What this node seals has no nonce of an entry that the run may have sealed before: the power loss
   * may have taken it from the log, and left it on the disk where somebody finds it (I9). Nothing is
   * sealed in a term before the registration of that term is durable.
   */
  private compareNonces(entries: ReadonlyArray<Entry>, { cutoverIndex, index }: Expected) {
    const survived = entries.slice(0, index)
    const registered = new Set(
      survived.filter(({ kind }) => kind === "registration").map(({ term }) => term)
    )
    const before = this.history.sealed.filter(({ term }) => registered.has(term)).flatMap(nonceOf)
    const own = cutoverIndex === 0 ? [] : entries.slice(index).flatMap(nonceOf)
    const isFresh = new Set([...before, ...own]).size === before.length + own.length
    this.findings.expect(isFresh, "a nonce is used twice")
    this.findings.expect(cutoverIndex === 0 || own.length > 0, "what was written is not sealed")
  }
}

const phaseOf = ({ cutoverIndex, storageEnvelopeIndex }: Expected): number => {
  if (cutoverIndex !== 0) return 2
  return storageEnvelopeIndex === 0 ? 0 : 1
}

const isSameEntry = (one: Entry, other: Entry | undefined): boolean =>
  other !== undefined &&
  one.index === other.index &&
  one.term === other.term &&
  one.kind === other.kind &&
  Buffer.compare(one.data, other.data) === 0

interface Found {
  readonly value: Uint8Array
  readonly revision: number
  readonly createRevision: number
}

const isSameValue = (found: Found | undefined, expected: Found | undefined): boolean =>
  found === undefined || expected === undefined
    ? found === expected
    : found.revision === expected.revision &&
      found.createRevision === expected.createRevision &&
      Buffer.compare(found.value, expected.value) === 0

/** Key id and nonce of a sealed entry: `version ‖ flag ‖ keyId(4) ‖ nonce(12)`. */
const nonceOf = ({ data, kind }: Entry): ReadonlyArray<string> => {
  const body = kind === "normal" ? ProposalEnvelope.bodyOf(data) : undefined
  return body === undefined ? [] : [Buffer.from(body.subarray(2, 18)).toString("hex")]
}
