/** SPEC §17: a file that is no LMDB file any more is refused in one sentence, and not by a signal. */
import { cpSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NodeProcess from "../../scripts/demo/NodeProcess.ts"
import * as Process from "../support/ProcessSealog.ts"
import { seededNumbers } from "../support/SeededNumbers.ts"

type Damage = (file: Buffer) => Uint8Array

const damages: ReadonlyArray<readonly [name: string, damage: Damage]> = [
  ["shorter than a header", (file) => file.subarray(0, 100)],
  ["without its second meta page", (file) => file.subarray(0, 8192)],
  [
    "full of noise",
    (file) => {
      const { below } = seededNumbers(1)
      return file.map(() => below(256))
    }
  ],
  ["full of zeros", (file) => file.fill(0)],
  ["of another version of LMDB", (file) => file.fill(9, 28, 29)],
  ["of pages without a size", (file) => file.fill(0, 48, 52)]
]

describe("sealog serve refuses a data file that is", () => {
  it.live("damaged where LMDB opens it", () =>
    Effect.gen(function* () {
      const options = yield* Process.fresh
      const node = yield* Process.serve(options)
      yield* Process.stop(node, "SIGTERM")
      for (const environment of ["log", "state"]) {
        for (const [name, damage] of damages) {
          const directory = `${options.directory}-${environment}-${name}`
          cpSync(options.directory, directory, { recursive: true })
          const path = join(directory, environment, "data.mdb")
          writeFileSync(path, damage(readFileSync(path)))
          const started = NodeProcess.serveArguments({ ...options, directory })
          const ended = yield* Process.sealog(...started)
          Process.assertRefused(
            ended,
            new RegExp(`cannot be used \\(open ${environment}\\): .*damaged .*restore`)
          )
        }
      }
    })
  )
})
