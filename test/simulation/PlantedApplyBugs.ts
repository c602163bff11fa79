/**
 * Bugs in how entries are read and applied that only a test assembly can have (SPEC §5, §11, §16): what
 * is sealed and what is not, what is done with an entry that does not open, and when a value is sealed.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as AppliedRecord from "../../src/domain/apply/AppliedRecord.ts"
import { Applier } from "../../src/domain/apply/Applier.ts"
import { isApplyFailure } from "../../src/domain/apply/Errors.ts"
import type { AppliedOutcome } from "../../src/domain/apply/Outcome.ts"
import type { ReplicatedState } from "../../src/domain/apply/ReplicatedState.ts"
import * as Command from "../../src/domain/encryption/Command.ts"
import * as Nonce from "../../src/domain/encryption/Nonce.ts"
import * as RaftEnvelope from "../../src/domain/encryption/RaftEnvelope.ts"
import * as SidecarRecord from "../../src/domain/encryption/SidecarRecord.ts"
import * as Sidecar from "../../src/domain/encryption/SidecarState.ts"
import * as StorageEnvelope from "../../src/domain/encryption/StorageEnvelope.ts"
import type { LogIndex, Revision } from "../../src/domain/Ids.ts"
import * as KvCommand from "../../src/domain/kv/Command.ts"
import * as Payload from "../../src/domain/log/Payload.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import * as Record from "../../src/domain/log/Record.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import type { StateReader } from "../../src/domain/state/StateTransaction.ts"
import { Applier as AppliedState } from "../../src/services/Applier.ts"
import { Keystore } from "../../src/services/Keystore.ts"
import { Opening } from "../../src/services/Opening.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { seen, swap } from "../support/SwappedLayers.ts"
import type * as Planted from "./Planted.ts"
import * as PlantedPrograms from "./PlantedPrograms.ts"
import { both, type Method, patched, swapped } from "./PlantedServices.ts"
import { inState } from "./PlantedStores.ts"
import { groupId } from "./SimulatedDisk.ts"

/** How an applier reads the payload of an entry. */
type PayloadOf = (
  this: ApplierParts,
  entry: Entry,
  sidecar: Sidecar.SidecarState
) => Payload.Payload

interface ApplierParts {
  readonly parts: ConstructorParameters<typeof Applier>[0]
  /** As the last commit left it. */
  readonly state: ReplicatedState
}

const reading = (replace: (original: PayloadOf) => PayloadOf): Planted.Planted =>
  patched<PayloadOf & Method>(
    Applier,
    "payloadOf",
    (original) => replace(original) as PayloadOf & Method
  )

/** Opened as if it were sealed: fails if it is not. */
function opened(
  { parts }: ApplierParts,
  { data, index, term }: Entry,
  body: Uint8Array
): never | Entry {
  const options = { keys: parts.keys, groupId: parts.groupId, term, index }
  const plain = Result.getOrThrow(RaftEnvelope.open(options, body))
  const proposalId = ProposalEnvelope.proposalIdOf(data)!
  return { term, index, kind: "normal", data: ProposalEnvelope.encode({ proposalId, body: plain }) }
}

const bodyOf = ({ data }: Entry): Uint8Array => ProposalEnvelope.bodyOf(data)!

const plainSidecar = (sidecar: Sidecar.SidecarState): Sidecar.SidecarState => ({
  ...sidecar,
  raftEnvelopeCutoverIndex: 0 as LogIndex
})

/** What the private methods of an applier look like to who replaces them on one. */
interface OpenApplier {
  payloadOf: (entry: Entry, sidecar: Sidecar.SidecarState) => Payload.Payload
  applyEntry: (entry: Entry, state: ReplicatedState, transaction: never) => AppliedOutcome
}

/** The member that holds no key to what is sealed in the log, until it is started again. */
const keyless = "n2"

const withoutKey: Planted.Planted = {
  ...swapped((name) => {
    const node = { bootCount: 0 }
    return [
      seen(Opening, (opening) => {
        node.bootCount = opening.bootCount
      }),
      swap(AppliedState, (applier) => {
        if (name !== keyless || node.bootCount > 1) return applier
        const open = applier as unknown as OpenApplier
        const { parts } = applier as unknown as ApplierParts
        const reader = Object.assign(Object.create(Applier.prototype) as OpenApplier, {
          parts: { ...parts, keys: () => undefined }
        })
        open.payloadOf = (entry, sidecar) => reader.payloadOf(entry, sidecar)
        return applier
      })
    ]
  }),
  mayHalt: keyless
}

/** It goes on behind an entry that cannot be applied, and says that it has applied it. */
const passingOver = swapped(() => [
  swap(AppliedState, (applier) => {
    const open = applier as unknown as OpenApplier
    const applyEntry = open.applyEntry.bind(open)
    open.applyEntry = (entry, state, transaction) => {
      try {
        return applyEntry(entry, state, transaction)
      } catch (error) {
        if (!isApplyFailure(error)) throw error
        state.applied = { ...state.applied, index: entry.index, term: entry.term }
        return { _tag: "Noop" }
      }
    }
    return applier
  })
])

type ApplyCommand = (entry: Entry, command: Command.Command, state: ReplicatedState) => unknown

/** A state as it would be if there had been no cutover, whole and with its checksums. */
function uncut(reader: StateReader): StateReader {
  const rowOf = (table: string, value: Uint8Array): Uint8Array => {
    if (table === "sidecar") return uncutSidecar(value)
    if (table !== "applied") return value
    const applied = Result.getOrThrow(AppliedRecord.decode(groupId, Buffer.from(value)))
    const [sidecar] = reader.range("sidecar", {})
    const sidecarChecksum = Record.checksumIn(uncutSidecar(sidecar!.value))
    return AppliedRecord.encode(groupId, { ...applied, sidecarChecksum })
  }
  return {
    ...reader,
    get: (table, key) => {
      const value = reader.get(table, key)
      return value === undefined ? undefined : rowOf(table, value)
    },
    range: (table, range) =>
      reader.range(table, range).map((row) => ({ ...row, value: rowOf(table, row.value) }))
  }
}

function uncutSidecar(value: Uint8Array): Buffer {
  const sidecar = Result.getOrThrow(SidecarRecord.decodeRecord(groupId, Buffer.from(value)))
  return SidecarRecord.encodeRecord(groupId, plainSidecar(sidecar))
}

/** Of each value that is put by one of these requests. */
const puts = (payload: Payload.Payload, change: (put: KvCommand.Put) => Uint8Array) => {
  if (payload._tag !== "Requests") return payload
  const requests = payload.requests.map((request) => {
    const command = Result.getOrThrow(KvCommand.decode(request.content))
    if (command._tag !== "Put") return request
    return { ...request, content: KvCommand.encode({ ...command, value: change(command) }) }
  })
  return { ...payload, requests }
}

/** A leader seals what is to be put with the revision that it expects for it. */
const sealedAtPropose = swapped(() => {
  const node: { applier?: AppliedState["Service"]; keystore?: Keystore["Service"] } = {}
  let last = 0
  const sealed = ({ key: storeKey, value }: KvCommand.Put): Uint8Array => {
    const { revision: applied, sidecar } = node.applier!
    const key = node.keystore!.get(sidecar.active.storage)
    if (sidecar.storageEnvelopeIndex === 0 || key === undefined) return value
    last = Math.max(last, applied) + 1
    const place = { groupId, revision: last as Revision, storeKey }
    const nonce = Nonce.storage({ ...place, operation: 0 })
    return StorageEnvelope.seal({ ...place, key, nonce }, value)
  }
  return [
    seen(AppliedState, (applier) => {
      node.applier = applier
    }),
    seen(Keystore, (keystore) => {
      node.keystore = keystore
    }),
    swap(RaftEngine, (engine) => ({
      ...engine,
      propose: (proposal) => {
        const payload = Result.getOrThrow(Payload.decode(proposal.body))
        return engine.propose({ ...proposal, body: Payload.encode(puts(payload, sealed)) })
      }
    }))
  ]
})

/** As `sealedAtPropose` has sealed it: the revision is in the nonce. */
const openedAtApply = reading(
  (payloadOf) =>
    function (entry, sidecar) {
      const { keys } = this.parts
      return puts(payloadOf.call(this, entry, sidecar), ({ key: storeKey, value }) => {
        if (value[0] !== 1) return value
        const revision = Buffer.from(value).readUIntBE(8, 6) as Revision
        return Result.getOrThrow(StorageEnvelope.open({ keys, groupId, revision, storeKey }, value))
      })
    }
)

const applyBugs = {
  /** `>=` where it is read. */
  readsMarkerAsSealed: reading(
    (payloadOf) =>
      function (entry, sidecar) {
        const isOwn = Command.isEnableRaftEnvelope(bodyOf(entry))
        const isSealed = sidecar.raftEnvelopeCutoverIndex === 0 && isOwn
        return payloadOf.call(this, isSealed ? opened(this, entry, bodyOf(entry)) : entry, sidecar)
      }
  ),
  /** A cutover index of 0 read as "everything is sealed". */
  zeroMeansAll: reading(
    (payloadOf) =>
      function (entry, sidecar) {
        const isNone = sidecar.raftEnvelopeCutoverIndex === 0
        return payloadOf.call(this, isNone ? opened(this, entry, bodyOf(entry)) : entry, sidecar)
      }
  ),
  unwrapsWholeEntry: reading(
    (payloadOf) =>
      function (entry, sidecar) {
        const isSealed = Sidecar.isEntrySealed(sidecar, entry.index)
        return payloadOf.call(this, isSealed ? opened(this, entry, entry.data) : entry, sidecar)
      }
  ),
  /** What the entries before say about the cutover counts from the next commit on. */
  cutoverReadPerBatch: reading(
    (payloadOf) =>
      function (entry) {
        return payloadOf.call(this, entry, this.state.sidecar)
      }
  ),
  /** A member that cannot open what is sealed does not halt. */
  skipsFailedEntry: { ...both(withoutKey, passingOver), besides: withoutKey },
  /** A marker of a DEK that was rotated away cuts over all the same. */
  staleMarkerCutsOver: {
    ...patched<ApplyCommand & Method>(
      Applier,
      "applyCommand",
      (original) =>
        function (this: unknown, entry: Entry, command: Command.Command, state: ReplicatedState) {
          const { raft: raftKeyId } = state.sidecar.active
          const isMarker = command._tag === "EnableRaftEnvelope"
          return original.call(this, entry, isMarker ? { ...command, raftKeyId } : command, state)
        } as ApplyCommand & Method
    ),
    program: PlantedPrograms.rotationRacesMarker
  },
  /** Who gets a snapshot does not know that the log is sealed. */
  snapshotWithoutCutover: inState((store) => ({
    snapshot: Effect.map(store.snapshot, ({ reader }) => ({ reader: uncut(reader) }))
  })),
  /** Sealed with a nonce of a place that is not its own before it is committed. */
  sealsBeforeCommitted: both(sealedAtPropose, openedAtApply)
} satisfies Readonly<Record<string, Planted.Planted>>

export const all: Readonly<Record<string, Planted.Planted>> = applyBugs
