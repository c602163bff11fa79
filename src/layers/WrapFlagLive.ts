/** The wrap flag as a cell of this process, set at start-up iff the cutover was applied (SPEC §13). */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Applier } from "../services/Applier.ts"
import { WrapFlag, type WrapFlagCause } from "../services/WrapFlag.ts"

/** Has no reset. */
export function make(isSetAtStart: boolean): WrapFlag["Service"] {
  let cause: WrapFlagCause | undefined = isSetAtStart ? "startUp" : undefined
  return {
    isSet: () => cause !== undefined,
    set: (setBy) => {
      cause ??= setBy
    }
  }
}
