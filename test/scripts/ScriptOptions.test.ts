/** A mistyped option: one line on stderr, exit code 1, nothing begun. */
import { spawnSync } from "node:child_process"
import { expect, it } from "@effect/vitest"

it.each([
  "bench/bench.ts",
  "bench/snapshot-bench.ts",
  "examples/embedded/main.ts",
  "scripts/interop.ts",
  "scripts/spec.ts"
])("%s", (script) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [script, "--mistyped"], {
    encoding: "utf8"
  })
  expect(stderr).toMatch(/^[^\n]*'--mistyped'[^\n]*\n$/)
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" })
})
