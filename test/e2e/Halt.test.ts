/**
 * SPEC §11: an entry that does not open or is not understood stops a real node there, with exit code
 * 70, at every start, until what is wrong is mended; then it is replayed.
 */
import { mkdirSync } from "node:fs"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { DataKey } from "../../src/domain/encryption/DataKey.ts"
import * as Nonce from "../../src/domain/encryption/Nonce.ts"
import * as RaftEnvelope from "../../src/domain/encryption/RaftEnvelope.ts"
import * as WrappedDek from "../../src/domain/encryption/WrappedDek.ts"
import type { LocalEpoch, ProposalId, Term, WriterId } from "../../src/domain/Ids.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import { groupId } from "../../src/layers/Node.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Process from "../support/ProcessSealog.ts"
import * as StoppedDirectory from "../support/StoppedDirectory.ts"

const { serve, stop } = Process
const { environments, replace } = StoppedDirectory

/**
 * What is left of a node that was cut over, stopped, started again and given two writes: its log, and
 * the state from before that second start, as after a crash. All of these entries are replayed.
 */
class Crashed extends Context.Service<
  Crashed,
  { readonly directory: string; readonly kekFile: string; readonly nodeName: string }
>()("test/Crashed") {
  static readonly layer = Layer.effect(
    Crashed,
    Effect.gen(function* () {
      const options = yield* Process.fresh
      const { state } = environments(options.directory)
      const first = yield* serve(options)
      const before = yield* RpcClientSocket.connect(first.endpoint)
      yield* before.enableStorageEnvelope
      yield* before.enableRaftEnvelope
      yield* stop(first, "SIGTERM")
      yield* replace(`${state}-old`, state)

      const second = yield* serve(options)
      const after = yield* RpcClientSocket.connect(second.endpoint)
      yield* after.put("k", "sealed value")
      yield* after.put("l", "another")
      yield* stop(second, "SIGTERM")
      yield* replace(state, `${state}-old`)
      return options
    })
  )
}

/** A copy of it that a test may spoil. */
const crashed = Effect.gen(function* () {
  const { directory, kekFile, nodeName } = yield* Crashed
  const copy = join(yield* Process.temporaryDirectory, "data")
  mkdirSync(copy, { mode: 0o700 })
  for (const name of ["log", "state"]) yield* replace(join(copy, name), join(directory, name))
  return { directory: copy, whole: directory, kekFile, nodeName }
})

const flipLastBit = (bytes: Uint8Array): Buffer => {
  const flipped = Buffer.from(bytes)
  flipped[flipped.length - 1]! ^= 1
  return flipped
}

const withBody = (entry: Entry, body: Uint8Array): Entry => ({
  ...entry,
  data: ProposalEnvelope.encode({ proposalId: 1n as ProposalId, body })
})

/** A writer that no node is: its nonces collide with nobody's. */
const nonce = Nonce.raft({
  writerId: 0xffff as WriterId,
  localEpoch: 1 as LocalEpoch,
  writeCount: 1
})

/** What is written in the place of the last two entries, which are sealed puts. */
interface Falsified {
  readonly what: string
  readonly edit: (
    entries: readonly [Entry, Entry],
    dek: StoppedDirectory.RaftDek
  ) => ReadonlyArray<Entry>
  /** Which of the two it halts at, and what it says of it. */
  readonly haltsAt: 0 | 1
  readonly says: RegExp
}

const falsified: ReadonlyArray<Falsified> = [
  {
    what: "with one bit flipped",
    edit: ([first, second]) => [{ ...first, data: flipLastBit(first.data) }, second],
    haltsAt: 0,
    says: /does not open under key \d+ \(tagMismatch\).* \(RaftUnwrapFailed\)$/
  },
  {
    what: "moved to the next index",
    edit: ([first, second]) => [first, { ...second, data: first.data }],
    haltsAt: 1,
    says: /does not open under key \d+ \(tagMismatch\).* \(RaftUnwrapFailed\)$/
  },
  {
    what: "swapped with the next one",
    edit: ([first, second]) => [
      { ...first, data: second.data },
      { ...second, data: first.data }
    ],
    haltsAt: 0,
    says: /\(tagMismatch\)/
  },
  {
    what: "cut short",
    edit: ([first, second]) => [{ ...first, data: first.data.subarray(0, 9 + 33) }, second],
    haltsAt: 0,
    says: /\(truncated\)/
  },
  {
    what: "in plaintext above the cutover",
    edit: ([first, second]) => [withBody(first, Buffer.from("00", "hex")), second],
    haltsAt: 0,
    says: /\(badVersion\)/
  },
  {
    what: "with an opcode of a later release, rightly sealed",
    edit: ([first, second], { key }) => {
      const { index, term } = second
      const body = Buffer.from("7f01", "hex")
      return [
        first,
        withBody(second, RaftEnvelope.seal({ key, nonce, groupId, term, index }, body))
      ]
    },
    haltsAt: 1,
    says: /cannot be applied \(unknownOpcode\): .*opcode 127.* \(ApplyFailed\)$/
  },
  {
    what: "with the opcode of the keys and a sub-tag of a later release, rightly sealed",
    edit: ([first, second], { key }) => {
      const { index, term } = first
      const body = Buffer.from("05ff", "hex")
      return [
        withBody(first, RaftEnvelope.seal({ key, nonce, groupId, term, index }, body)),
        second
      ]
    },
    haltsAt: 0,
    says: /\(unknownOpcode\): .*opcode 5, sub-tag 255/
  }
]

type Node = Effect.Success<typeof crashed>

/** Started twice, it ends both times at that entry, and the state has come up to it and no further. */
const assertHalts = Effect.fnUntraced(function* (
  {
    directory,
    kekFile,
    nodeName
  }: Pick<Node, "directory" | "nodeName"> & {
    readonly kekFile: string | undefined
  },
  at: Pick<Entry, "index" | "term">,
  says: RegExp
) {
  for (const start of ["first", "again, nothing mended"]) {
    const ended = yield* Process.sealog(
      ...["serve", "--data-dir", directory, "--name", nodeName],
      ...["--listen", "127.0.0.1:0"],
      ...(kekFile === undefined ? [] : ["--kek-file", kekFile])
    )
    assert.strictEqual(ended.signal, null, start)
    assert.strictEqual(ended.code, 70, `${start}: ${ended.stderr}`)
    const complaint = ended.stderr.split("\n").filter((line) => line.startsWith("sealog: "))
    assert.strictEqual(complaint.length, 1, ended.stderr)
    assert.match(complaint[0]!, new RegExp(`halted: .* ${at.index} of term ${at.term} `))
    assert.match(complaint[0]!, says)
    assert.notMatch(ended.stderr, /\.ts:\d+/)
    const { applied } = yield* StoppedDirectory.replicatedState(directory)
    assert.strictEqual(applied.index, at.index - 1, `${start}: it stays in front of the entry`)
  }
})

/** It replays what it had halted at, and goes on. */
const assertContinues = Effect.fnUntraced(function* (options: Node, at: Pick<Entry, "index">) {
  const node = yield* serve(options)
  const client = yield* RpcClientSocket.connect(node.endpoint)
  const read = (key: string) =>
    Effect.map(client.get(key), (found) => Buffer.from(found!.value).toString())
  assert.strictEqual(yield* read("k"), "sealed value")
  assert.strictEqual(yield* read("l"), "another")
  yield* client.put("m", "written on")
  assert.strictEqual(yield* read("m"), "written on")
  yield* stop(node, "SIGTERM")
  const { applied } = yield* StoppedDirectory.replicatedState(options.directory)
  assert.isAbove(applied.index, at.index)
})

layer(Crashed.layer, { excludeTestServices: true, timeout: 60_000 })(
  "sealog serve, SPEC §11, over an entry",
  (it) => {
    it.effect.each(falsified)("$what halts, again after a restart, until mended", (row) =>
      Effect.gen(function* () {
        const node = yield* crashed
        const dek = yield* StoppedDirectory.raftDek(node.directory, node.kekFile)
        let halting: Entry | undefined
        yield* StoppedDirectory.rewriteLastEntries(node.directory, 2, (entries) => {
          assert.deepStrictEqual(
            entries.map(({ kind }) => kind),
            ["normal", "normal"]
          )
          halting = entries[row.haltsAt]
          return Effect.succeed(row.edit(entries as unknown as readonly [Entry, Entry], dek))
        })
        yield* assertHalts(node, halting!, row.says)
        yield* replace(environments(node.directory).log, environments(node.whole).log)
        yield* assertContinues(node, halting!)
      })
    )

    it.effect("sealed under another DEK than the sidecar's halts until the sidecar is mended", () =>
      Effect.gen(function* () {
        const node = yield* crashed
        const { kek, row } = yield* StoppedDirectory.raftDek(node.directory, node.kekFile)
        const other = new DataKey(row, Buffer.alloc(32, 9))
        const wrapped = WrappedDek.wrap({ kek, nonce: Nonce.random(Buffer.alloc(12, 3)) }, other)
        yield* StoppedDirectory.rewriteReplicatedState(node.directory, (state) => {
          const keys = state.sidecar.keys.map((key) =>
            key.id === row.id ? { ...key, wrapped } : key
          )
          state.sidecar = { ...state.sidecar, keys }
        })
        let first: Entry | undefined
        yield* StoppedDirectory.rewriteLastEntries(node.directory, 2, (entries) => {
          first = entries[0]
          return Effect.succeed(entries)
        })
        yield* assertHalts(node, first!, new RegExp(`under key ${row.id} \\(tagMismatch\\)`))
        yield* replace(environments(node.directory).state, environments(node.whole).state)
        yield* assertContinues(node, first!)
      })
    )

    it.effect("whose DEKs do not unwrap halts under another KEK and under none", () =>
      Effect.gen(function* () {
        const node = yield* crashed
        const { directory, nodeName } = node
        const { sidecar } = yield* StoppedDirectory.replicatedState(directory)
        const ids = sidecar.keys.map(({ id }) => id).join(", ")
        // The founding is term 1, the only leader there ever was term 2.
        const at = { index: sidecar.keys[0]!.createdIndex, term: 2 as Term }
        // A state that was lost before it was ever flushed: made anew, and replayed into.
        yield* Effect.promise(() => rm(environments(directory).state, { recursive: true }))
        const otherKek = join(yield* Process.temporaryDirectory, "kek")
        yield* Process.sealog("kek", "generate", "--out", otherKek)
        const other = new RegExp(`does not unwrap data keys ${ids};`)
        yield* assertHalts({ directory, nodeName, kekFile: otherKek }, at, other)
        yield* assertHalts({ directory, nodeName, kekFile: undefined }, at, /notConfigured/)
        yield* assertContinues(node, at)
      })
    )
  }
)
