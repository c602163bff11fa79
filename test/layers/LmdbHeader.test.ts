/** What LMDB would refuse is refused before LMDB sees it, and what it would open is not. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { open } from "lmdb"
import { afterAll, describe, expect, it } from "vitest"
import * as LmdbHeader from "../../src/layers/LmdbHeader.ts"
import { seededNumbers } from "../support/SeededNumbers.ts"

const root = mkdtempSync(join(tmpdir(), "sealog-header-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** A file that LMDB has written. */
const fileOf = async (pageSize: number, puts: number): Promise<Buffer> => {
  const path = join(root, `${pageSize}-${puts}`)
  const environment = open<string, number>({ path, pageSize, overlappingSync: false })
  for (let at = 0; at < puts; at += 1) await environment.put(at, "value")
  await environment.close()
  return readFileSync(join(path, "data.mdb"))
}

const checked = (file: Uint8Array) => () => {
  const path = join(root, "data.mdb")
  writeFileSync(path, file)
  LmdbHeader.check(path)
}

describe("the header of an LMDB file", () => {
  it("is fine in what LMDB has written, in a file that is empty, and in one that is missing", async () => {
    for (const pageSize of [4096, 8192, 16384]) {
      for (const puts of [0, 1, 5]) expect(checked(await fileOf(pageSize, puts))).not.toThrow()
    }
    expect(checked(Buffer.alloc(0))).not.toThrow()
    expect(() => LmdbHeader.check(join(root, "missing.mdb"))).not.toThrow()
  })

  it("is refused when it is damaged, with what to do", async () => {
    const file = await fileOf(8192, 3)
    const { below } = seededNumbers(1)
    const damages: ReadonlyArray<readonly [Uint8Array, string]> = [
      [file.subarray(0, 100), "truncated"],
      [file.subarray(0, 8192), "truncated"],
      [file.subarray(0, 8192 + 167), "truncated"],
      [file.map(() => below(256)), "no LMDB file"],
      [Buffer.alloc(file.length), "no LMDB file"],
      [Buffer.from(file).fill(0, 18, 20), "no LMDB file"],
      [Buffer.from(file).fill(9, 28, 29), "of LMDB's format 9, not 2"],
      [Buffer.from(file).fill(0, 48, 52), "pages of 0 bytes"],
      [Buffer.from(file).fill(1, 48, 49), "pages of 8193 bytes"],
      [Buffer.from(file).fill(255, 48, 52), "pages of 4294967295 bytes"]
    ]
    for (const [damaged, reason] of damages) {
      expect(checked(damaged)).toThrow(`is damaged (${reason}); restore the data directory`)
    }
    expect(checked(file.subarray(0, 8192 + 168))).not.toThrow()
  })
})
