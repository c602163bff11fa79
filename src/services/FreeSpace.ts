/**
 * The free space of the disk under the data directory, and who may still use it (SPEC §8).
 *
 * What must never happen: LMDB meeting a full disk (its heap is corrupted by one). So requests are
 * refused long before, and every commit asks here first. Answers are as of the call; of requests that
 * arrive in one turn of the event loop, as of the first. Plain functions, called per request.
 * Proof: `test/layers/FreeSpace.test.ts`, `test/e2e/FullDisk.test.ts`.
 */
import * as Context from "effect/Context"
import type { SpaceLow } from "../domain/engine/Errors.ts"
import type { DiskFullFailure } from "../domain/state/Errors.ts"

export class FreeSpace extends Context.Service<
  FreeSpace,
  {
    /** Bytes this process may still write; 0 if the file system does not say. */
    readonly freeBytes: () => number
    /**
     * Promises room to a user's request, and to what a session records of its answer, until `release`,
     * which must follow exactly once with the same sizes; or says why it is refused, and then nothing
     * is promised.
     */
    readonly reserve: (requestBytes: number, recordedBytes?: number) => SpaceLow | undefined
    readonly release: (requestBytes: number, recordedBytes?: number) => void
    /** Why a command of the encryption administration is refused; it may use what users may not. */
    readonly refusal: () => SpaceLow | undefined
    /** Asked before every commit: why one of this size must not begin. */
    readonly shortage: (commitBytes: number) => DiskFullFailure | undefined
  }
>()("sealog/FreeSpace") {}
