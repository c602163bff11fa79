/**
 * File systems of a test's own, where this user may mount any: who is not allowed to gets the reason, to
 * skip with. Unmounted when the scope closes.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"

export interface Mounted {
  readonly path: string
  /** Returns what `mount` complained of; `undefined` if it did what it was asked. */
  readonly remount: (options: string) => Effect.Effect<string | undefined>
}

/** What a command complained of; `undefined` if it did what it was asked. */
const complaintOf = (command: string, ...given: ReadonlyArray<string>): string | undefined => {
  const { error, status, stderr } = spawnSync(command, given, { encoding: "utf8" })
  if (error !== undefined) return error.message
  return status === 0 ? undefined : stderr.trim()
}

const temporaryDirectory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "sealog-mount-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

const mounted = (path: string, ...given: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync((): Mounted | string => {
      const complaint = complaintOf("mount", ...given, path)
      if (complaint !== undefined) return complaint
      const remount = (options: string) =>
        Effect.sync(() => complaintOf("mount", "-o", `remount,${options}`, path))
      return { path, remount }
    }),
    (result) =>
      Effect.sync(() => {
        if (typeof result === "string") return
        const why = complaintOf("umount", "--lazy", path)
        if (why !== undefined) throw new Error(why)
      })
  )

/** A disk of a given size, in memory. */
export const tmpfs = ({ sizeMebibytes }: { readonly sizeMebibytes: number }) =>
  Effect.flatMap(temporaryDirectory, (path) =>
    mounted(path, "-t", "tmpfs", "-o", `size=${sizeMebibytes}m,mode=700`, "tmpfs")
  )

/** A file system on which a sync does nothing, and says that it has. */
export const volatileOverlay = Effect.flatMap(temporaryDirectory, (directory) => {
  const at = (name: string) => {
    const path = join(directory, name)
    mkdirSync(path)
    return path
  }
  const options = `volatile,lowerdir=${at("lower")},upperdir=${at("upper")},workdir=${at("work")}`
  return mounted(at("merged"), "-t", "overlay", "-o", options, "overlay")
})
