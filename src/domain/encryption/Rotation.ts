/**
 * May a DEK be rotated, and has it been already (SPEC §18)? The decision of the leader, from what it has
 * applied.
 *
 * Whoever asks means one DEK that is to be active no longer. So a rotation that is asked for again, by
 * one who was not answered or by two at once, is done once: the first makes the others find it done.
 * What must never happen here: a rotation of a DEK that is not the active one. Whatever the leader
 * overlooks, applying decides again (`SidecarState.rotate`). Proof: `Rotation.test.ts`.
 */
import type { KeyId, LogIndex } from "../Ids.ts"
import * as Limits from "../Limits.ts"
import type { KeyPurpose } from "./DataKey.ts"
import { CutoverInFlight, DekUnknown, EncryptionNotBootstrapped, TooManyDeks } from "./Errors.ts"
import { keyOf, type SidecarState } from "./SidecarState.ts"

export interface Facts {
  readonly sidecar: SidecarState
  /** Is a cutover waiting for the writes in flight, or for its marker? */
  readonly isBarrierClosed: boolean
}

export interface Asked {
  readonly purpose: KeyPurpose
  /** The DEK that is to be active no longer. */
  readonly replaces: KeyId
}

/** A DEK that was replaced, and by which. */
export interface Rotated {
  /** Active now. */
  readonly keyId: KeyId
  /** Of the entry that brought it. */
  readonly index: LogIndex
}

export type Refusal = EncryptionNotBootstrapped | DekUnknown | TooManyDeks | CutoverInFlight

export type Decision =
  | { readonly _tag: "Rotate" }
  | ({ readonly _tag: "AlreadyRotated" } & Rotated)
  | { readonly _tag: "Refused"; readonly refusal: Refusal }

export function decide(
  { isBarrierClosed, sidecar }: Facts,
  { purpose, replaces }: Asked
): Decision {
  if (sidecar.active[purpose] === 0) return refused(new EncryptionNotBootstrapped({}))
  if (keyOf(sidecar, replaces)?.purpose !== purpose) {
    return refused(new DekUnknown({ purpose, keyId: replaces }))
  }
  const rotated = rotatedOf(sidecar, { purpose, replaces })
  if (rotated !== undefined) return { _tag: "AlreadyRotated", ...rotated }
  if (sidecar.keys.length >= Limits.dataKeysMax) {
    return refused(new TooManyDeks({ countMax: Limits.dataKeysMax }))
  }
  // It would make the marker stale, and the cutover would have to be begun again.
  if (purpose === "raft" && isBarrierClosed) return refused(new CutoverInFlight({}))
  return { _tag: "Rotate" }
}

/** By which DEK it was replaced; `undefined` while it is the active one. */
export function rotatedOf(
  sidecar: SidecarState,
  { purpose, replaces }: Asked
): Rotated | undefined {
  const keyId = sidecar.active[purpose]
  const active = keyId === replaces ? undefined : keyOf(sidecar, keyId)
  return active && { keyId, index: active.createdIndex }
}

const refused = (refusal: Refusal): Decision => ({ _tag: "Refused", refusal })
