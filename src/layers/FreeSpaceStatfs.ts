/**
 * Free space as the file system tells it (SPEC §8).
 *
 * Read on this thread: `statfs` of a local file system reads a counter. Requests that arrive together
 * share a reading; it is gone at the end of the turn and when something that was promised is given
 * back, so that it needs no reserve for what happened since. Everything else, every commit above
 * all, reads anew. `log` and `state` may be mount points of their own; the smallest counts. What must
 * never happen: an answer better than the file system's own. Proof: `test/layers/FreeSpace.test.ts`.
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
      return yield* make(readingOfTurn(() => Math.min(...paths.map(freeBytesOf))))
    })
  )

/** How free space is read. */
export interface Reading {
  /** As of the call, or of an earlier one that is not forgotten. */
  readonly freeBytes: () => number
  readonly forget: () => void
}

/** What is read once is the answer until the turn of the event loop is over. */
export function readingOfTurn(read: () => number): Reading {
  let known: number | undefined
  const forget = () => {
    known = undefined
  }
  const freeBytes = () => {
    if (known !== undefined) return known
    setImmediate(forget)
    known = read()
    return known
  }
  return { freeBytes, forget }
}

/** The service over a way to read free space; for its twin as well. */
export const make = Effect.fnUntraced(function* ({ forget, freeBytes }: Reading) {
  const budget = new SpaceBudget(yield* NodeConfig, freeBytes)
  const anew = <A>(read: () => A): A => {
    forget()
    return read()
  }
  const tooFull = budget.shortage(0)
  if (tooFull !== undefined) return yield* tooFull
  return FreeSpace.of({
    freeBytes: () => anew(freeBytes),
    reserve: (requestBytes, recordedBytes) => budget.reserve(requestBytes, recordedBytes),
    release: (requestBytes, recordedBytes) =>
      anew(() => budget.release(requestBytes, recordedBytes)),
    refusal: () => anew(() => budget.refusal()),
    shortage: (commitBytes) => anew(() => budget.shortage(commitBytes))
  })
})

/** For a process without privileges. A file system that does not answer is taken for full. */
const freeBytesOf = (path: string): number =>
  Result.match(
    Result.try(() => statfsSync(path)),
    { onSuccess: ({ bavail, bsize }) => bavail * bsize, onFailure: () => 0 }
  )
