/** etcd's own scripts on this core. They are not part of this repository. */
import { describe, expect, it } from "vitest"
import * as Folder from "./Folder.ts"

const folder = Folder.defaultFolder()
const files = Folder.filesOf(folder)

describe("etcd's scripts", () => {
  if (files.length === 0) {
    it("are not there", (context) => context.skip(`no scripts in ${folder}`))
  }

  it.for(files)("$name", (file) => {
    const stanzas = Folder.run(file)
    expect(stanzas.length).toBeGreaterThan(0)
    for (const { line, reason, verdict } of stanzas) {
      expect({ line, verdict, reason }).toEqual({ line, verdict: "passed", reason: "" })
    }
  })
})
