/**
 * Are new proposals sealed? The in-process switch of the write path (SPEC §13).
 *
 * Set at start-up, by the applied marker, and by an installed snapshot, and never reset.
 */
import * as Context from "effect/Context"

/** What set the flag. */
export type WrapFlagCause = "startUp" | "markerApplied" | "snapshotInstalled" | "cutoverProgram"

export class WrapFlag extends Context.Service<
  WrapFlag,
  {
    readonly isSet: () => boolean
    /** Idempotent; the first cause is kept for `status`. */
    readonly set: (cause: WrapFlagCause) => void
  }
>()("sealog/WrapFlag") {}
