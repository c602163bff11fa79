/**
 * The wrap flag as a cell of this process (SPEC §13). Clear until the applier, when it is built, has
 * read the cutover index; nothing can propose before that.
 */
import * as Layer from "effect/Layer"
import { WrapFlag, type WrapFlagCause } from "../services/WrapFlag.ts"

function make(): WrapFlag["Service"] {
  let cause: WrapFlagCause | undefined
  return {
    isSet: () => cause !== undefined,
    set: (setBy) => {
      cause ??= setBy
    }
  }
}

export const layer: Layer.Layer<WrapFlag> = Layer.sync(WrapFlag, make)
