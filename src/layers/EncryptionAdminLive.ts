/**
 * Phase 0 → 1, and the status of encryption on this node (SPEC §2, §4).
 *
 * Asked of the leader only, and proposed in the term in which it was asked. What must never happen: two
 * sets of DEKs. The state machine refuses a second bootstrap, so two callers cannot make one.
 * Proof: `test/layers/EncryptionAdmin.test.ts`, `EncryptionAdminLeader.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as CutoverTimings from "../domain/cutover/CutoverTimings.ts"
import * as Command from "../domain/encryption/Command.ts"
import * as Sidecar from "../domain/encryption/SidecarState.ts"
import * as WriterRegistry from "../domain/encryption/WriterRegistry.ts"
import type { KeyId, Term } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import { AdministrationTurn, type Turn } from "../services/AdministrationTurn.ts"
import { Applier } from "../services/Applier.ts"
import { CapabilityGate } from "../services/CapabilityGate.ts"
import { Coordinator } from "../services/Coordinator.ts"
import { Cutover } from "../services/Cutover.ts"
import { EncryptionAdmin, type EncryptionStatus } from "../services/EncryptionAdmin.ts"
import { Keystore } from "../services/Keystore.ts"
import { Opening } from "../services/Opening.ts"
import { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import { WrapFlag } from "../services/WrapFlag.ts"
import * as DekRotation from "./DekRotation.ts"
import * as LeadingTerm from "./LeadingTerm.ts"

/** Rotations that may overtake one call. */
const staleTimesMax = 8

const make = Effect.gen(function* () {
  const applier = yield* Applier
  const coordinator = yield* Coordinator
  const gate = yield* CapabilityGate
  const status = yield* makeStatus
  const bootstrap = yield* makeBootstrap
  const leading = yield* LeadingTerm.make
  const rotation = yield* DekRotation.make
  const turns = yield* AdministrationTurn

  /** A rotation that came between makes it stale: then it is proposed for the new key. */
  const propose = (term: Term, turn: Turn) =>
    Effect.suspend(() => {
      const storageKeyId = applier.sidecar.active.storage
      const body = Command.encode({ _tag: "EnableStorageEnvelope", storageKeyId })
      return coordinator.administer(body, { term, keep: turn.keep })
    }).pipe(Effect.repeat({ while: ({ _tag }) => _tag === "Stale", times: staleTimesMax }))

  /** Everything in the term it began in: the gate has asked the members of no other leader. */
  const enabledIn = Effect.fnUntraced(function* (turn: Turn) {
    const term = yield* leading
    const before = applier.sidecar.storageEnvelopeIndex
    if (before !== 0) return { index: before, wasAlreadyActive: true }
    yield* gate.check
    if (applier.sidecar.keys.length === 0) yield* bootstrap(term, turn)
    const outcome = yield* propose(term, turn)
    const index = applier.sidecar.storageEnvelopeIndex
    invariant(index !== 0, `the storage envelope is enabled after ${outcome._tag}`)
    return { index, wasAlreadyActive: outcome._tag === "AlreadyActive" }
  })
  return EncryptionAdmin.of({
    ...rotation,
    // Before the turn too: whoever does not lead has no say in whose it is.
    enableStorageEnvelope: Effect.andThen(
      leading,
      Effect.acquireUseRelease(turns.take("encryption"), enabledIn, ({ end }) => Effect.sync(end))
    ),
    status
  })
})

/** Draws both DEKs and proposes them; a bootstrap that came first wins. */
const makeBootstrap = Effect.gen(function* () {
  const applier = yield* Applier
  const coordinator = yield* Coordinator
  const keystore = yield* Keystore
  return Effect.fnUntraced(function* (term: Term, turn: Turn) {
    const { clusterId, keys } = applier.sidecar
    const taken = new Set<KeyId>(keys.map(({ id }) => id))
    const storage = yield* keystore.draw({ purpose: "storage", clusterId, taken })
    taken.add(storage.keyId)
    const raft = yield* keystore.draw({ purpose: "raft", clusterId, taken })
    const writers = [...applier.members.byId.values()].map(({ incarnation, nodeName }) => ({
      nodeName,
      incarnation
    }))
    const body = Command.encode({ _tag: "Bootstrap", storage, raft, writers })
    yield* coordinator.administer(body, { term, keep: turn.keep })
  })
})

const makeStatus = Effect.gen(function* () {
  const applier = yield* Applier
  const barrier = yield* QuiescenceBarrier
  const cutover = yield* Cutover
  const keystore = yield* Keystore
  const opening = yield* Opening
  const wrapFlag = yield* WrapFlag
  const { incarnation, memberId, nodeName } = opening
  return (): EncryptionStatus => {
    const { position, registry, sidecar } = applier
    const { active } = sidecar
    const writerId = WriterRegistry.writerIdOf(registry, opening)
    const row = writerId && WriterRegistry.rowOf(registry, { keyId: active.raft, writerId })
    return {
      nodeName,
      memberId,
      incarnation,
      appliedIndex: position.index,
      phase: Sidecar.phase(sidecar),
      hasKek: keystore.hasKek,
      keys: sidecar.keys.map(({ createdIndex, id, purpose }) => ({
        id,
        purpose,
        isActive: active[purpose] === id,
        createdIndex,
        ageEntries: position.index - createdIndex
      })),
      storageEnvelopeIndex: sidecar.storageEnvelopeIndex,
      cutoverIndex: sidecar.raftEnvelopeCutoverIndex,
      isBarrierClosed: barrier.state().isClosed,
      isWrapFlagSet: wrapFlag.isSet(),
      ...known({
        barrierClosedMillis: barrier.closedMillis(),
        writerId,
        localEpoch: opening.currentEpoch(active.raft),
        registeredEpoch: row?.lastEpoch,
        lastCutover: lastCutoverOf(cutover.timings())
      })
    }
  }
})

/** What is not known is absent. */
const known = <Fields extends object>(fields: Fields) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    readonly [Name in keyof Fields]?: Exclude<Fields[Name], undefined>
  }

const lastCutoverOf = (
  timings: CutoverTimings.CutoverTimings | undefined
): EncryptionStatus["lastCutover"] => {
  if (timings === undefined) return undefined
  const { ended, stepMillis, term } = timings
  return { term, stepMillis, ...(ended === undefined ? {} : { ended }) }
}

export const layer = Layer.effect(EncryptionAdmin, make)
