/**
 * SPEC §17 on a real process: a directory in the wrong shape is refused with one sentence and exit code
 * 1, before any port is opened. The test holds both ports: a node that came as far as opening one
 * would complain of that instead.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { DataKey } from "../../src/domain/encryption/DataKey.ts"
import * as Nonce from "../../src/domain/encryption/Nonce.ts"
import * as SidecarState from "../../src/domain/encryption/SidecarState.ts"
import * as WrappedDek from "../../src/domain/encryption/WrappedDek.ts"
import type { LogIndex, StateGeneration, Term } from "../../src/domain/Ids.ts"
import * as Record from "../../src/domain/log/Record.ts"
import * as SnapshotPointer from "../../src/domain/log/SnapshotPointer.ts"
import * as SnapshotPointerRecord from "../../src/domain/log/SnapshotPointerRecord.ts"
import * as Position from "../../src/domain/raft/Position.ts"
import * as FormatVersion from "../../src/domain/state/FormatVersion.ts"
import { groupId } from "../../src/layers/Node.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import { heldAddress } from "../support/Ports.ts"
import * as Process from "../support/ProcessSealog.ts"
import * as StoppedDirectory from "../support/StoppedDirectory.ts"

const { serve, stop } = Process
const { environments, replace } = StoppedDirectory

type Phase = 0 | 1 | 2

/** A node that was stopped in each phase, and a node of another cluster. */
class Stopped extends Context.Service<
  Stopped,
  {
    readonly phases: Readonly<Record<Phase, string>>
    readonly otherCluster: string
    readonly kekFile: string
    readonly otherKekFile: string
  }
>()("test/Stopped") {
  static readonly layer = Layer.effect(
    Stopped,
    Effect.gen(function* () {
      const options = yield* Process.fresh
      const { directory } = options
      const phases = { 0: `${directory}-0`, 1: `${directory}-1`, 2: `${directory}-2` }
      for (const phase of [0, 1, 2] as const) {
        const node = yield* serve(options)
        const client = yield* RpcClientSocket.connect(node.endpoint)
        if (phase === 1) yield* client.enableStorageEnvelope
        if (phase === 2) yield* client.enableRaftEnvelope
        yield* client.put(`phase ${phase}`, "value")
        yield* stop(node, "SIGTERM")
        yield* replace(phases[phase], directory)
      }
      const other = yield* Process.fresh
      yield* stop(yield* serve(other), "SIGTERM")
      return {
        phases,
        otherCluster: other.directory,
        kekFile: options.kekFile,
        otherKekFile: other.kekFile
      }
    })
  )
}

/** Given to `serve`; a KEK file of `undefined` gives none. */
interface Start {
  readonly directory: string
  readonly kekFile: string | undefined
  readonly nodeName: string
}

interface Spoiling {
  readonly what: string
  readonly phase: Phase
  /** Falsifies the directory. */
  readonly spoil?: (directory: string, stopped: Stopped["Service"]) => Effect.Effect<void, unknown>
  /** Starts the node otherwise than it should be. */
  readonly start?: Partial<Start>
  readonly says: RegExp
}

const singleton = Buffer.of(0)
const formatKey = Buffer.from("formatVersion")
const logTables = ["entries", "meta", "local"] as const
const stateTables = ["kv", "sidecar", "applied", "meta"] as const

const rewriteLog = (
  directory: string,
  edit: Parameters<typeof StoppedDirectory.rewriteTables<(typeof logTables)[number]>>[1]
) => StoppedDirectory.rewriteTables({ directory, environment: "log", tables: logTables }, edit)

const rewriteState = (
  directory: string,
  edit: Parameters<typeof StoppedDirectory.rewriteTables<(typeof stateTables)[number]>>[1]
) => StoppedDirectory.rewriteTables({ directory, environment: "state", tables: stateTables }, edit)

/** Changes the bytes of the sidecar, and its checksums with them: here and in `applied`. */
const falsifySidecar = (directory: string, edit: (body: Buffer) => void) =>
  rewriteState(directory, ({ applied, sidecar }) => {
    const body = Buffer.from(sidecar.get(singleton)!.subarray(0, -Record.checksumBytes))
    edit(body)
    const record = Record.encode({ label: "sidecar", groupId }, body)
    sidecar.put(singleton, record)
    const progress = Buffer.from(applied.get(singleton)!.subarray(0, -Record.checksumBytes))
    progress.writeUInt32BE(Record.checksumIn(record), progress.length - 4)
    applied.put(singleton, Record.encode({ label: "applied", groupId }, progress))
  })

/** Where the active ids stand in a sidecar: after the version and the cluster id (SPEC §8). */
const activeStorageAt = 17
const activeRaftAt = 21

const entryKey = (index: number): Buffer => {
  const key = Buffer.alloc(8)
  key.writeBigUInt64BE(BigInt(index))
  return key
}

const spoilings: ReadonlyArray<Spoiling> = [
  {
    what: "sealed values beside a sidecar in which sealing is off",
    phase: 1,
    spoil: (directory) =>
      StoppedDirectory.rewriteReplicatedState(directory, (state) => {
        state.sidecar = { ...state.sidecar, storageEnvelopeIndex: 0 as LogIndex }
      }),
    says: /holds a sealed value, and its encryption state says that encryption was never enabled/
  },
  {
    what: "registered writers beside a sidecar of phase 0",
    phase: 1,
    spoil: (directory) =>
      StoppedDirectory.rewriteReplicatedState(directory, (state) => {
        state.sidecar = SidecarState.initial(state.sidecar.clusterId)
      }),
    says: /holds a writer of sealed entries, and its encryption state says/
  },
  {
    what: "keys, and no KEK",
    phase: 1,
    start: { kekFile: undefined },
    says: /no key-encryption key from .* \(notConfigured\)/
  },
  {
    what: "a cutover, and no KEK",
    phase: 2,
    start: { kekFile: undefined },
    says: /no key-encryption key from .* \(notConfigured\)/
  },
  {
    what: "an applied index above the log",
    phase: 0,
    spoil: (directory) =>
      StoppedDirectory.rewriteReplicatedState(directory, (state) => {
        state.applied = { ...state.applied, index: 1000 as LogIndex }
      }),
    says: /the state has applied index 1000, the log holds 1 to \d+: .*restore both together/
  },
  {
    what: "an applied index below what the log can replay from",
    phase: 0,
    spoil: (directory) =>
      Effect.gen(function* () {
        yield* rewriteLog(directory, ({ entries, meta }) => {
          const pointer = { ...SnapshotPointer.initial, index: 2 as LogIndex, term: 1 as Term }
          for (const index of [1, 2]) entries.remove(entryKey(index))
          meta.put(StoppedDirectory.pointerKey, SnapshotPointerRecord.encode(groupId, pointer))
        })
        yield* StoppedDirectory.rewriteReplicatedState(directory, (state) => {
          state.applied = { ...state.applied, index: 1 as LogIndex }
        })
      }),
    says: /the state has applied index 1, the log holds 3 to \d+/
  },
  {
    what: "the sidecar of an earlier commit",
    phase: 2,
    spoil: (directory, { phases }) =>
      Effect.gen(function* () {
        let earlier: Buffer = Buffer.alloc(0)
        const before = `${directory}-before`
        yield* replace(before, phases[1])
        yield* rewriteState(before, ({ sidecar }) => {
          earlier = Buffer.from(sidecar.get(singleton)!)
        })
        yield* rewriteState(directory, ({ sidecar }) => void sidecar.put(singleton, earlier))
      }),
    says: /is not the one of its applied index \d+/
  },
  {
    what: "an active id without a key",
    phase: 2,
    spoil: (directory) =>
      falsifySidecar(directory, (body) =>
        body.writeUInt32BE((body.readUInt32BE(activeRaftAt) ^ 1) >>> 0, activeRaftAt)
      ),
    says: /contradicts itself \(activeKeyMissing, key \d+\)/
  },
  {
    what: "active ids of the wrong purpose",
    phase: 2,
    spoil: (directory) =>
      falsifySidecar(directory, (body) => {
        const raft = body.readUInt32BE(activeRaftAt)
        body.copyWithin(activeRaftAt, activeStorageAt, activeRaftAt)
        body.writeUInt32BE(raft, activeStorageAt)
      }),
    says: /contradicts itself \(activeKeyOfWrongPurpose, key \d+\)/
  },
  {
    what: "the name of another node",
    phase: 0,
    start: { nodeName: "b" },
    says: /belongs to node a, not to b/
  },
  {
    what: "the state of another cluster",
    phase: 0,
    spoil: (directory, { otherCluster }) =>
      replace(environments(directory).state, environments(otherCluster).state),
    says: /belongs to cluster [0-9a-f]{32}, the log to [0-9a-f]{32}/
  },
  {
    what: "a log of a later release",
    phase: 2,
    spoil: (directory) =>
      rewriteLog(
        directory,
        ({ meta }) => void meta.put(formatKey, FormatVersion.encode("log", groupId, 7))
      ),
    says: /the log on disk has format version 7, this release knows 1/
  },
  {
    what: "a state of a later release",
    phase: 2,
    spoil: (directory) =>
      rewriteState(
        directory,
        ({ meta }) => void meta.put(formatKey, FormatVersion.encode("state", groupId, 7))
      ),
    says: /the state on disk has format version 7, this release knows 1/
  },
  {
    what: "a snapshot of before the cutover beside a state that knows it",
    phase: 2,
    spoil: (directory) => StoppedDirectory.pointLog(directory, () => ({ cutover: 0 as LogIndex })),
    says: /snapshot at \d+ says cutover 0, the state at \d+ says [1-9]\d*; restore this node/
  },
  {
    what: "a snapshot with another cutover than the state",
    phase: 2,
    spoil: (directory) =>
      StoppedDirectory.pointLog(directory, (own) => ({ cutover: Position.before(own) })),
    says: /snapshot at \d+ says cutover \d+, the state at \d+ says \d+; restore this node/
  },
  {
    what: "a snapshot of after the cutover beside a state that does not know it",
    phase: 0,
    spoil: (directory) => StoppedDirectory.pointLog(directory, () => ({ cutover: 2 as LogIndex })),
    says: /snapshot at \d+ says cutover 2, the state at \d+ says 0; restore this node/
  },
  {
    what: "a log that points to a state which is gone",
    phase: 0,
    spoil: (directory) =>
      StoppedDirectory.pointLog(directory, () => ({ generation: 3 as StateGeneration })),
    says: /cannot be used \(open state\): .*damaged \(missing\); restore/
  },
  {
    what: "a gap in the log",
    phase: 2,
    spoil: (directory) => rewriteLog(directory, ({ entries }) => void entries.remove(entryKey(3))),
    says: /log entry \d+ of group 0 is damaged/
  }
]

/** A copy of a stopped node that a test may spoil. */
const copyOf = Effect.fnUntraced(function* (from: string) {
  const copy = join(yield* Process.temporaryDirectory, "data")
  mkdirSync(copy, { mode: 0o700 })
  for (const name of ["log", "state"]) yield* replace(join(copy, name), join(from, name))
  return copy
})

const startOn = Effect.fnUntraced(function* ({ directory, kekFile, nodeName }: Start) {
  return yield* Process.sealog(
    ...["serve", "--data-dir", directory, "--name", nodeName],
    ...["--listen", yield* heldAddress, "--metrics-listen", yield* heldAddress],
    ...(kekFile === undefined ? [] : ["--kek-file", kekFile])
  )
})

layer(Stopped.layer, { excludeTestServices: true, timeout: 60_000 })(
  "sealog serve, SPEC §17, refuses to start over",
  (it) => {
    it.effect.each(spoilings)("$what", ({ phase, says, spoil, start }) =>
      Effect.gen(function* () {
        const stopped = yield* Stopped
        const directory = yield* copyOf(stopped.phases[phase])
        if (spoil !== undefined) yield* spoil(directory, stopped)
        const right = { directory, kekFile: stopped.kekFile, nodeName: "a" }
        Process.assertRefused(yield* startOn({ ...right, ...start }), says)
      })
    )

    it.effect("another KEK, naming every DEK it does not unwrap and no other", () =>
      Effect.gen(function* () {
        const { kekFile, otherKekFile, phases } = yield* Stopped
        const directory = yield* copyOf(phases[2])
        const { sidecar } = yield* StoppedDirectory.replicatedState(directory)
        const ids = sidecar.keys.map(({ id }) => id)
        assert.lengthOf(ids, 2)
        const wrong = yield* startOn({ directory, kekFile: otherKekFile, nodeName: "a" })
        Process.assertRefused(wrong, new RegExp(`does not unwrap data keys ${ids.join(", ")};`))

        const { row } = yield* StoppedDirectory.raftDek(directory, kekFile)
        const nonce = Nonce.random(Buffer.alloc(12, 5))
        const wrapped = WrappedDek.wrap(
          { kek: StoppedDirectory.kekOf(otherKekFile), nonce },
          new DataKey(row, Buffer.alloc(32, 9))
        )
        yield* StoppedDirectory.rewriteReplicatedState(directory, (state) => {
          const keys = sidecar.keys.map((key) => (key.id === row.id ? { ...key, wrapped } : key))
          state.sidecar = { ...state.sidecar, keys }
        })
        const one = yield* startOn({ directory, kekFile, nodeName: "a" })
        Process.assertRefused(one, new RegExp(`does not unwrap data keys ${row.id};`))
      })
    )

    it.effect("nothing of that: then only the port that is taken stops it", () =>
      Effect.gen(function* () {
        const { kekFile, phases } = yield* Stopped
        for (const phase of [0, 2] as const) {
          const directory = yield* copyOf(phases[phase])
          const ended = yield* startOn({ directory, kekFile, nodeName: "a" })
          Process.assertRefused(ended, /cannot listen on .*EADDRINUSE/)
        }
      })
    )
  }
)
