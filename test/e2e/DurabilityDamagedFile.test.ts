/** SPEC §17: a file that is no LMDB file any more is refused in one sentence, and not by a signal. */
import { cpSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NodeProcess from "../../scripts/demo/NodeProcess.ts"
import * as Process from "../support/ProcessSealog.ts"

/** Everything that LMDB refuses is in `test/layers/LmdbHeader.test.ts`. */
const damages = [
  { environment: "log", place: "log", damage: (file: Buffer) => file.subarray(0, 100) },
  { environment: "state", place: "state/0", damage: (file: Buffer) => file.fill(0) }
]

describe("sealog serve", () => {
  it.live("refuses a data file that LMDB would refuse", () =>
    Effect.gen(function* () {
      const options = yield* Process.fresh
      const node = yield* Process.serve(options)
      yield* Process.stop(node, "SIGTERM")
      for (const { damage, environment, place } of damages) {
        const directory = `${options.directory}-${environment}`
        cpSync(options.directory, directory, { recursive: true })
        const path = join(directory, place, "data.mdb")
        writeFileSync(path, damage(readFileSync(path)))
        const started = NodeProcess.serveArguments({ ...options, directory })
        Process.assertRefused(
          yield* Process.sealog(...started),
          new RegExp(`cannot be used \\(open ${environment}\\): .*damaged .*restore`)
        )
      }
    })
  )
})
