import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { found } from "./Canary.ts"

const secret = Buffer.from("canary value \xff!", "latin1")
const text = Buffer.from("a canary in plain text")

describe("the search for canaries finds", () => {
  it.each([
    ["text", `key=${text}`, text],
    ["hex", `0x${secret.toString("hex")}`, secret],
    ["an inspected buffer", inspect(secret), secret],
    ["an inspected array", inspect(new Uint8Array(secret)), secret],
    ["JSON of a buffer", JSON.stringify({ value: secret }), secret],
    ["JSON of text", JSON.stringify({ value: secret.toString("latin1") }), secret],
    ["a URL", encodeURIComponent(text.toString()).replaceAll("%20", " "), text],
    ["base64", secret.toString("base64"), secret],
    ["base64 one byte on", Buffer.concat([Buffer.from("x"), secret]).toString("base64"), secret],
    ["base64 in the middle", Buffer.from(`xx${text}yyy`).toString("base64"), text],
    ["base64url", Buffer.from(`x${text}`).toString("base64url"), text]
  ])("%s", (_form, output, bytes) => {
    expect(found(`some ${output} more`, { bytes })).not.toEqual([])
    expect(found("some more", { bytes })).toEqual([])
  })
})
