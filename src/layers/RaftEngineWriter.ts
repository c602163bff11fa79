/**
 * This opening as a writer of the active raft DEK: its registration, and the sealing of bodies
 * (SPEC §6, §10).
 *
 * What must never happen: a nonce used twice; a body sealed before the registration of this opening is
 * applied; a leader that can never seal. Proof: `test/layers/RaftEngine.test.ts`.
 */
import * as Effect from "effect/Effect"
import type { RegistrationOutcome } from "../domain/apply/Outcome.ts"
import * as Nonce from "../domain/encryption/Nonce.ts"
import * as RaftEnvelope from "../domain/encryption/RaftEnvelope.ts"
import * as Registration from "../domain/encryption/Registration.ts"
import type { WriterIdentity } from "../domain/encryption/WriterIdentity.ts"
import * as WriterRegistry from "../domain/encryption/WriterRegistry.ts"
import type { RenouncedReason } from "../domain/engine/Candidacy.ts"
import { NodeStopped, NotLeader } from "../domain/engine/Errors.ts"
import type { Leadership } from "../domain/engine/Leadership.ts"
import type { ProposalEvent } from "../domain/engine/PendingProposals.ts"
import type { KeyId, LocalEpoch, WriterId } from "../domain/Ids.ts"
import { invariant } from "../domain/Invariant.ts"
import * as Limits from "../domain/Limits.ts"
import * as ProposalEnvelope from "../domain/log/ProposalEnvelope.ts"
import type { Entry } from "../domain/raft/Entry.ts"
import type * as Position from "../domain/raft/Position.ts"
import type { Raft } from "../domain/raft/Raft.ts"
import type { Applier } from "../services/Applier.ts"
import type { Keystore } from "../services/Keystore.ts"
import type { Opening } from "../services/Opening.ts"
import type { RegisterWriterFailure } from "../services/RaftEngine.ts"
import type { Telemetry } from "../services/Telemetry.ts"

export interface Parts {
  readonly raft: Raft
  readonly applier: Applier["Service"]
  readonly opening: Opening["Service"]
  readonly keystore: Keystore["Service"]
  readonly telemetry: Telemetry["Service"]
  readonly leadership: Leadership
}

export class RaftEngineWriter {
  private readonly parts: Parts
  /** Counts the seals of this opening, over all keys (SPEC §6). */
  private writeCount = 0
  /** Refused in this opening, so for all of it. */
  private refusedFor: RenouncedReason | undefined = undefined
  /** The DEK that was looked at last, and whether this directory has no epoch left for it. */
  private judged: { readonly keyId: KeyId | 0; readonly isExhausted: boolean } = {
    keyId: 0,
    isExhausted: false
  }
  /** Of the registry and the DEK that were looked at last: it has many rows, and changes seldom. */
  private worn:
    | {
        readonly registry: WriterRegistry.WriterRegistry
        readonly keyId: KeyId
        readonly isWorn: boolean
      }
    | undefined = undefined

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** Why this node does not campaign; `undefined` if it may. */
  get renounced(): RenouncedReason | undefined {
    return this.refusedFor ?? (this.judged.isExhausted ? "LocalEpochExhausted" : undefined)
  }

  /** May this opening seal under the active raft DEK? */
  get isRegistered(): boolean {
    return this.identity() !== undefined
  }

  /** The active raft DEK, if this leader has yet to register for it and has not begun to. */
  keyToRegister(): KeyId | undefined {
    const keyId = this.parts.applier.sidecar.active.raft
    if (keyId === 0 || this.isRegistered) return undefined
    return this.parts.leadership.startsRegistration(keyId) ? keyId : undefined
  }

  /** Is the active raft DEK one under which a registered epoch has passed the mark (SPEC §6)? */
  isKeyWorn(): boolean {
    const { registry, sidecar } = this.parts.applier
    const keyId = sidecar.active.raft
    if (this.worn?.registry !== registry || this.worn.keyId !== keyId) {
      const isWorn = keyId !== 0 && WriterRegistry.needsRotation(registry, keyId)
      this.worn = { registry, keyId, isWorn }
    }
    return this.worn.isWorn
  }

  /** Appends the registration of this opening (SPEC §6); plaintext by kind, passes the barrier. */
  register(keyId: KeyId, epoch: LocalEpoch): void {
    const { incarnation, nodeName, openingId } = this.parts.opening
    const data = Registration.encode({ keyId, nodeName, incarnation, epoch, openingId })
    const proposed = this.parts.raft.propose([{ kind: "registration", data }])
    if (proposed._tag !== "Appended") this.parts.leadership.registrationRefused()
  }

  /** The registration of another node: it gives it a writer id, and no epoch. */
  registrationOf({ incarnation, nodeName }: WriterIdentity): Uint8Array {
    const { applier, opening } = this.parts
    const keyId = applier.sidecar.active.raft
    const epoch = 0 as LocalEpoch
    return Registration.encode({
      keyId,
      nodeName,
      incarnation,
      epoch,
      openingId: opening.openingId
    })
  }

  /**
   * Without an epoch left for the active raft DEK this node must not lead; it may again under another
   * one (SPEC §6). Asked at the start, and whenever entries were applied.
   */
  judgeCandidacy(): void {
    const { applier, opening, raft, telemetry } = this.parts
    const keyId = applier.sidecar.active.raft
    if (keyId === this.judged.keyId) return
    const { epoch } = opening.newestEpoch(keyId)
    const isExhausted = epoch >= Limits.localEpochMax && opening.currentEpoch(keyId) === undefined
    const { renounced: before } = this
    this.judged = { keyId, isExhausted }
    if (this.renounced === before) return
    if (isExhausted) return this.renounce("LocalEpochExhausted")
    raft.resumeCandidacy()
    telemetry.report({ _tag: "CandidacyResumed", keyId })
  }

  /**
   * The registration of this opening, in whatever term it was appended; refused, its disk is an old or
   * cloned one, and it follows for as long as it is open.
   */
  registrationApplied({ data, term }: Entry, outcome: RegistrationOutcome): void {
    const { leadership, opening } = this.parts
    if (!Registration.isOf(data, opening)) return
    if (outcome._tag === "LocalEpochRollback" || outcome._tag === "WriterIdsExhausted") {
      if (this.refusedFor === undefined) this.renounce(outcome._tag)
      this.refusedFor ??= outcome._tag
      return
    }
    if (!leadership.isLeader || leadership.term !== term) return
    const writer = this.identity()
    if (writer === undefined) return
    const keyId = this.parts.applier.sidecar.active.raft
    this.parts.telemetry.report({ _tag: "Registered", keyId, localEpoch: writer.localEpoch })
  }

  private renounce(reason: RenouncedReason): void {
    this.parts.raft.renounceCandidacy()
    this.parts.telemetry.report({ _tag: "CandidacyRenounced", reason })
  }

  /** The data of an entry: the body is sealed into the buffer of it. */
  sealed(
    { body, proposalId }: ProposalEnvelope.ProposalEnvelope,
    { index, term }: Position.Position
  ): Uint8Array {
    const writer = this.identity()
    invariant(writer !== undefined, "nothing is sealed before the registration is applied")
    const key = this.parts.keystore.get(this.parts.applier.sidecar.active.raft)
    invariant(key !== undefined, "a leader that seals holds the active raft DEK")
    this.writeCount += 1
    const nonce = Nonce.raft({ ...writer, writeCount: this.writeCount })
    const { groupId } = this.parts.opening
    const { counters } = this.parts.telemetry
    counters.nonceWriteCount = this.writeCount
    counters.seals.raft += 1
    const data = ProposalEnvelope.allocate(proposalId, body.length + RaftEnvelope.overheadBytes)
    RaftEnvelope.sealInto(
      data,
      ProposalEnvelope.headerBytes,
      { key, nonce, groupId, term, index },
      body
    )
    return data
  }

  /** This opening as a writer of the active raft DEK, once its registration is applied. */
  private identity(): { readonly writerId: WriterId; readonly localEpoch: LocalEpoch } | undefined {
    const { applier, opening } = this.parts
    const keyId = applier.sidecar.active.raft
    const epoch = opening.currentEpoch(keyId)
    if (keyId === 0 || epoch === undefined) return undefined
    const writerId = WriterRegistry.writerIdOf(applier.registry, opening)
    if (writerId === undefined) return undefined
    const row = WriterRegistry.rowOf(applier.registry, { keyId, writerId })
    const isRegistered = row?.lastEpoch === epoch && row.openingId === opening.openingId
    return isRegistered ? { writerId, localEpoch: epoch } : undefined
  }
}

/** What the asker of a registration is told by the first event: a repeat does no harm. */
export function registrationAnswer(
  event: ProposalEvent
): Effect.Effect<RegistrationOutcome, RegisterWriterFailure> {
  if (event._tag === "Stopped") return Effect.fail(new NodeStopped({ reason: event.reason }))
  if (event._tag !== "Applied") return Effect.fail(new NotLeader({ leader: undefined }))
  invariant(event.outcome._tag === "Registration", "a registration has the outcome of one")
  return Effect.succeed(event.outcome.outcome)
}
