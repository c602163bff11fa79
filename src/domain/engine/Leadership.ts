/**
 * May this node take proposals in, and may it seal them (SPEC §6, §13)?
 *
 * A leader takes proposals in only after it has applied its own noop: by then every entry of an
 * earlier term that survived is applied, a cutover marker among them. What must never happen: intake
 * that stays open across a change of term. Proof: `test/domain/engine/Leadership.test.ts`.
 */
import type { KeyId, MemberId, Term } from "../Ids.ts"

/** What the driver reads off the core after each round. */
export interface Standing {
  readonly term: Term
  readonly isLeader: boolean
  readonly leader: MemberId | undefined
}

/** Mutable: one per engine, driven by its single fibre. */
export class Leadership {
  private standing: Standing = { term: 0 as Term, isLeader: false, leader: undefined }
  private noopTerm: Term | undefined = undefined
  /** The DEK a registration is on its way for, in the current term. */
  private registering: KeyId | undefined = undefined
  /** The DEK a rotation was begun for by this leader itself, in the current term. */
  private rotating: KeyId | undefined = undefined

  get term(): Term {
    return this.standing.term
  }

  get leader(): MemberId | undefined {
    return this.standing.leader
  }

  get isLeader(): boolean {
    return this.standing.isLeader
  }

  /** Does this node lead, with its noop applied? */
  get isReady(): boolean {
    return this.standing.isLeader && this.noopTerm === this.standing.term
  }

  /** Takes over the core's standing; answers the term in which this node has just ceased to lead. */
  observe(standing: Standing): Term | undefined {
    const before = this.standing
    this.standing = standing
    const hasLeft = before.isLeader && (!standing.isLeader || standing.term !== before.term)
    if (hasLeft || standing.term !== before.term) {
      this.registering = undefined
      this.rotating = undefined
    }
    return hasLeft ? before.term : undefined
  }

  /** A noop of this term was applied. */
  noopApplied(term: Term): void {
    this.noopTerm = term
  }

  /** Should a registration for this DEK be appended now? True once per term and DEK. */
  startsRegistration(keyId: KeyId): boolean {
    if (!this.isReady || this.registering === keyId) return false
    this.registering = keyId
    return true
  }

  /** The registration was not appended: it may be tried again. */
  registrationRefused(): void {
    this.registering = undefined
  }

  /** Should this leader rotate this DEK by itself now? True once per term and DEK. */
  startsRotation(keyId: KeyId): boolean {
    if (!this.isReady || this.rotating === keyId) return false
    this.rotating = keyId
    return true
  }

  /** The rotation was not appended: it may be tried again. */
  rotationRefused(): void {
    this.rotating = undefined
  }
}
