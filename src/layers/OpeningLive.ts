/**
 * Opens a data directory: creates its identity once, has it admitted to a cluster once, counts this
 * opening, hands out its epochs, and keeps what is seen of its peers (SPEC §3, §6).
 *
 * It owns the local record: everything in it is written here, one write at a time. What must never
 * happen: an epoch, a boot count or a peer's opening used before it is durable, or an identity replaced
 * by another. Proof: `test/layers/Opening.test.ts`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import { LocalEpochExhausted } from "../domain/encryption/Errors.ts"
import type {
  GroupId,
  Incarnation,
  KeyId,
  LocalEpoch,
  LogIndex,
  NodeName,
  OpeningId,
  Term
} from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import * as Limits from "../domain/Limits.ts"
import type { LogWriteFailure } from "../domain/log/Errors.ts"
import type { AdmittedAs, LocalRecord } from "../domain/log/LocalRecord.ts"
import type { Member } from "../domain/members/Member.ts"
import * as Members from "../domain/members/Members.ts"
import { RememberedOpenings } from "../domain/peer/RememberedOpenings.ts"
import type { Entry } from "../domain/raft/Entry.ts"
import * as MembershipChange from "../domain/raft/MembershipChange.ts"
import { DirectoryOfAnotherNode } from "../domain/state/Errors.ts"
import { Admission } from "../services/Admission.ts"
import { Csprng } from "../services/Csprng.ts"
import { LocalStore } from "../services/LocalStore.ts"
import { Opening } from "../services/Opening.ts"
import { PeerOpenings } from "../services/PeerOpenings.ts"
import { attempt } from "./SynchronousFailure.ts"

const hex128 = (bytes: Buffer): string => bytes.toString("hex")

const make = Effect.fnUntraced(function* (options: { readonly nodeName: NodeName }) {
  const csprng = yield* Csprng
  const local = yield* LocalStore
  const { nodeName } = options

  const found = yield* attempt(local.read)
  if (found !== undefined && found.nodeName !== nodeName) {
    return yield* new DirectoryOfAnotherNode({ expected: nodeName, found: found.nodeName })
  }
  const opened: LocalRecord =
    found === undefined ? created(nodeName, csprng) : { ...found, bootCount: found.bootCount + 1 }
  yield* local.write(opened)
  const admitted = opened.admitted ?? (yield* admit(opened))
  const { change, current } = makeRecord(local, { ...opened, admitted })
  const openingId = hex128(csprng.bytes(16)) as OpeningId
  const epochs = makeEpochs(change)
  return Context.make(
    Opening,
    Opening.of({
      nodeName,
      ...admitted,
      incarnation: opened.incarnation,
      groupId: opened.groupId,
      openingId,
      bootCount: opened.bootCount,
      ...epochs,
      newestEpoch: (keyId) => ({
        epoch: current().epochs.get(keyId) ?? 0,
        takenBy: epochs.currentEpoch(keyId) === undefined ? undefined : openingId
      })
    })
  ).pipe(Context.add(PeerOpenings, PeerOpenings.of(makePeerOpenings(change, current))))
})

const created = (nodeName: NodeName, csprng: Csprng["Service"]): LocalRecord => ({
  nodeName,
  incarnation: hex128(csprng.bytes(16)) as Incarnation,
  groupId: 0 as GroupId,
  admitted: undefined,
  bootCount: 1,
  epochs: new Map(),
  peers: new Map()
})

/** Once in the life of a directory; durable when it returns. */
const admit = Effect.fnUntraced(function* (record: LocalRecord) {
  const admission = yield* Admission
  const local = yield* LocalStore
  const { founding, ...admitted } = yield* admission.admit(record)
  yield* founding === undefined
    ? local.write({ ...record, admitted })
    : local.found({ ...record, admitted }, foundingEntries(founding))
  return admitted
})

/**
 * The log of a new cluster begins with one entry for each of its first voters. Nobody can lead without
 * them: a node that does not have them has no configuration, and does not campaign.
 */
const foundingEntries = (voters: ReadonlyArray<Member>): ReadonlyArray<Entry> =>
  Members.founding(voters).map((change, position) => ({
    term: 1 as Term,
    index: (position + 1) as LogIndex,
    kind: "membership",
    data: MembershipChange.encode(change)
  }))

type Admitted = LocalRecord & { readonly admitted: AdmittedAs }

/** Changes the record durably, or not if there is nothing to change; `then` follows in the same turn. */
type Change = <A, E = never>(
  next: (record: Admitted) => Result.Result<Admitted | undefined, E>,
  then: (record: Admitted) => A
) => Effect.Effect<A, E | LogWriteFailure>

function makeRecord(local: LocalStore["Service"], opened: Admitted) {
  let record = opened
  const oneAtATime = Semaphore.makeUnsafe(1)
  const change: Change = (next, then) =>
    Effect.gen(function* () {
      const changed = yield* Effect.fromResult(next(record))
      if (changed !== undefined) yield* local.write(changed)
      record = changed ?? record
      return then(record)
    }).pipe(Effect.uninterruptible, oneAtATime.withPermits(1))
  return { change, current: () => record }
}

function makeEpochs(change: Change): Pick<Opening["Service"], "epochFor" | "currentEpoch"> {
  const epochs = new Map<KeyId, LocalEpoch>()
  const advanced = (keyId: KeyId) => (record: Admitted) => {
    if (epochs.has(keyId)) return Result.succeed(undefined)
    const last = record.epochs.get(keyId) ?? 0
    if (last >= Limits.localEpochMax) return Result.fail(new LocalEpochExhausted({ keyId }))
    const epoch = (last + 1) as LocalEpoch
    return Result.succeed({ ...record, epochs: new Map(record.epochs).set(keyId, epoch) })
  }
  return {
    epochFor: (keyId) =>
      change(advanced(keyId), (record) => {
        const epoch = record.epochs.get(keyId)
        invariant(epoch !== undefined, "an epoch that was advanced is in the record")
        epochs.set(keyId, epoch)
        return epoch
      }),
    currentEpoch: (keyId) => epochs.get(keyId)
  }
}

function makePeerOpenings(change: Change, current: () => Admitted): PeerOpenings["Service"] {
  const remembered = new RememberedOpenings()
  return {
    seenOf: (incarnation) => current().peers.get(incarnation),
    know: (members) => remembered.know(members),
    remember: (heard) =>
      change(
        (record) =>
          Result.map(remembered.with(record.peers, heard), (peers) =>
            peers === undefined ? undefined : { ...record, peers }
          ),
        () => {}
      )
  }
}

/** Fails with `DirectoryOfAnotherNode` if the directory was created under another name. */
export const layer = (options: { readonly nodeName: NodeName }) =>
  Layer.effectContext(make(options))
