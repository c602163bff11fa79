import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { version } from "../../src/domain/Version.ts"

it("the version is that of the package", () => {
  const manifest = readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")
  expect(version).toBe(JSON.parse(manifest).version)
})
