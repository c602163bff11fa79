/** No decoder is forgotten: a rule finds them in the sources, and each must be on the list. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as DecoderList from "./DecoderList.ts"

const root = join(import.meta.dirname, "../../src")

/**
 * Of a module of the domain that reads what others wrote: it exports a function that decodes, parses,
 * opens, unwraps or checks bytes, a reader or a decoder, or it reads fields with a `ByteReader`.
 */
const isDecoder = (text: string): boolean =>
  /^export (const|function|class) (decode\w*|parse\w*|unwrap\w*|\w+(Reader|Decoder)\b)/m.test(
    text
  ) ||
  /^export (const|function) (open|check|read)\b[^=]*?\b(Uint8Array|Buffer|ByteReader)\b/m.test(
    text
  ) ||
  /\bnew ByteReader\(/.test(text)

const domain = readdirSync(join(root, "domain"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({
    name: `domain/${name}`,
    text: readFileSync(join(root, "domain", name), "utf8")
  }))
const found = domain.filter(({ text }) => isDecoder(text)).map(({ name }) => name)
const listed = new Set(DecoderList.decoders.flatMap(({ modules }) => modules))

describe("the list of decoders", () => {
  it("has every module of the domain that decodes", () => {
    const isKnown = (name: string) => listed.has(name) || name in DecoderList.others
    expect(found.filter((name) => !isKnown(name))).toEqual([])
  })

  it("names no module that is not there, or that decodes nothing", () => {
    const names = [...listed, ...Object.keys(DecoderList.others)]
    const isThere = (name: string) => !name.startsWith("domain/") || found.includes(name)
    expect(names.filter((name) => !isThere(name))).toEqual([])
  })

  it("has each name once", () => {
    const names = DecoderList.decoders.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })

  it.each([
    "export function decode(bytes: Uint8Array): Decoded<Thing> {",
    "export const decodeRow = (row: Row) =>",
    "export class ThingReader {",
    "export function parse(text: string): Thing | undefined {",
    "export function open(\n  options: OpenOptions,\n  sealed: Uint8Array\n): Thing {",
    "export function read(reader: ByteReader): Thing {",
    'const reader = new ByteReader("thing", bytes)'
  ])("would find a new decoder: %s", (text) => {
    expect(isDecoder(text)).toBe(true)
  })
})
