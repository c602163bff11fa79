/**
 * Free space as the file system tells it (SPEC §8).
 *
 * Read at each call, on this thread: `statfs` of a local file system reads a counter, and a reading that
 * is never old needs no reserve for what happened since. `log` and `state` may be mount points of
 * their own; the smallest counts. What must never happen: an answer better than the file system's
 * own. Proof: `test/layers/FreeSpace.test.ts`.
 */
import { statfsSync } from "node:fs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { SpaceBudget } from "../domain/engine/SpaceBudget.ts"
import type { DiskFullFailure } from "../domain/state/Errors.ts"
import { DataDirectory } from "../services/DataDirectory.ts"
import { FreeSpace } from "../services/FreeSpace.ts"
import { NodeConfig } from "../services/NodeConfig.ts"
import * as DataDisks from "./DataDisks.ts"

/** Fails with `DiskFullFailure` if an opening, which writes, has no room to. */
export const layer: Layer.Layer<FreeSpace, DiskFullFailure, DataDirectory | NodeConfig> =
  Layer.effect(
    FreeSpace,
    Effect.gen(function* () {
      const { path } = yield* DataDirectory
      const paths = DataDisks.pathsOf(path)
      return yield* make(() => Math.min(...paths.map(freeBytesOf)))
    })
  )

/** The service over a way to read free space; for its twin as well. */
export const make = Effect.fnUntraced(function* (freeBytes: () => number) {
  const budget = new SpaceBudget(yield* NodeConfig, freeBytes)
  const tooFull = budget.shortage(0)
  if (tooFull !== undefined) return yield* tooFull
  return FreeSpace.of({
    freeBytes,
    reserve: (requestBytes) => budget.reserve(requestBytes),
    release: (requestBytes) => budget.release(requestBytes),
    refusal: () => budget.refusal(),
    shortage: (commitBytes) => budget.shortage(commitBytes)
  })
})

/** For a process without privileges. A file system that does not answer is taken for full. */
const freeBytesOf = (path: string): number =>
  Result.match(
    Result.try(() => statfsSync(path)),
    { onSuccess: ({ bavail, bsize }) => bavail * bsize, onFailure: () => 0 }
  )
