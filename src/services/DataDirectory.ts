/**
 * The data directory of this node, held exclusively (SPEC §8).
 *
 * Whoever has this service knows that no other process, and no other layer of this one, has the
 * directory open: the LMDB layers require it, so they cannot be built beside another opening.
 * Proof: `test/layers/DataDirectoryLock.test.ts`.
 */
import * as Context from "effect/Context"

export class DataDirectory extends Context.Service<
  DataDirectory,
  {
    /** Exists; absolute, symbolic links resolved. */
    readonly path: string
  }
>()("sealog/DataDirectory") {}
