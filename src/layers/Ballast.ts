/**
 * Keeps a file of no use in the data directory, for the day the disk is full (SPEC §8).
 *
 * Whoever then deletes it has room at once: enough for the node to start, to be read, and to be stopped
 * in good order while space is made elsewhere. It is the operator's: the node makes it, in the
 * background, where there is ample room, and never deletes it. What must never happen: a start, a
 * write or a stop that waits for it or fails because of it.
 * Proof: `test/layers/Ballast.test.ts`, `test/e2e/FullDisk.test.ts`.
 */
import { type FileHandle, open } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Limits from "../domain/Limits.ts"
import { Csprng } from "../services/Csprng.ts"
import { FreeSpace } from "../services/FreeSpace.ts"
import { NodeConfig } from "../services/NodeConfig.ts"

export const fileName = "BALLAST"

export interface Options {
  readonly directory: string
  /** Size of the file; 0 makes none. */
  readonly bytes: number
}

export const layer = (
  options: Options
): Layer.Layer<never, never, Csprng | FreeSpace | NodeConfig> =>
  Layer.effectDiscard(Effect.forkScoped(keep(options)))

const chunkBytes = Limits.mebibyte

/** Random, or a file system that compresses would keep next to nothing of it. */
const keep = Effect.fnUntraced(
  function* ({ bytes, directory }: Options) {
    if (bytes === 0) return
    const chunk = (yield* Csprng).bytes(chunkBytes)
    const space = yield* FreeSpace
    const { freeBytesMin } = yield* NodeConfig
    yield* Effect.acquireUseRelease(
      Effect.tryPromise(() => open(join(directory, fileName), "a", 0o600)),
      (file) =>
        Effect.gen(function* () {
          const { size } = yield* Effect.tryPromise(() => file.stat())
          for (let rest = bytes - size; rest > 0; rest -= chunkBytes) {
            const part = chunk.subarray(0, Math.min(rest, chunkBytes))
            if (space.freeBytes() - part.length < freeBytesMin) return
            yield* Effect.tryPromise(() => append(file, part))
          }
          yield* Effect.tryPromise(() => file.sync())
        }),
      (file) => Effect.promise(() => file.close())
    )
  },
  Effect.catch((error) => Effect.logWarning("no ballast file could be made", error.cause))
)

async function append(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await file.write(bytes, at)).bytesWritten
  }
}
