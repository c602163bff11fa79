import { describe, expect, it } from "vitest"
import { NodeName } from "../../../src/domain/Ids.ts"
import * as BootstrapList from "../../../src/domain/peer/BootstrapList.ts"

const parsed = (text: string): BootstrapList.BootstrapList => {
  const list = BootstrapList.parse(text)
  if (list === undefined) throw new Error(`cannot be read: ${text}`)
  return list
}

const reasonOf = (text: string, own = "n1") =>
  BootstrapList.refusalOf(parsed(text), NodeName.make(own))?.reason

describe("a bootstrap list", () => {
  it("is read as it is written, founder first", () => {
    expect(parsed("n1=127.0.0.1:1, b.c=[::1]:65535,n_3=localhost:3")).toEqual([
      { nodeName: "n1", address: { host: "127.0.0.1", port: 1 } },
      { nodeName: "b.c", address: { host: "::1", port: 65535 } },
      { nodeName: "n_3", address: { host: "127.0.0.1", port: 3 } }
    ])
  })

  it("is nothing else", () => {
    const others = ["", "n1", "n1=", "=h:1", "n1=h", "n1=h:1,", "n 1=h:1", "n1=h:99999", "n1=h:1=2"]
    expect(others.filter((text) => BootstrapList.parse(text) !== undefined)).toEqual([])
  })

  it("is refused if no cluster can be founded from it", () => {
    const eight = Array.from({ length: 8 }, (_, at) => `n${at + 1}=h:${at + 1}`)
    expect(reasonOf(eight.join(","))).toBe("tooMany")
    expect(reasonOf(eight.slice(0, 7).join(","))).toBeUndefined()
    expect(reasonOf("n1=h:1,n2=h:0")).toBe("portZero")
    expect(reasonOf("n1=h:1,n1=h:2")).toBe("nameTwice")
    expect(reasonOf("n1=localhost:1,n2=127.0.0.1:1")).toBe("addressTwice")
    expect(reasonOf("n1=h:1,n2=h:2", "n3")).toBe("ownNameMissing")
    expect(reasonOf("n1=h:1")).toBeUndefined()
  })

  it("is another one in another order, with another name or address", () => {
    const digest = BootstrapList.digestOf(parsed("n1=h:1,n2=h:2"))
    expect(digest).toMatch(/^[0-9a-f]{32}$/)
    expect(BootstrapList.digestOf(parsed(" n1=h:1 ,n2=h:2"))).toBe(digest)
    const others = ["n2=h:2,n1=h:1", "n1=h:1", "n1=h:1,n3=h:2", "n1=h:1,n2=h:3", "n1=g:1,n2=h:2"]
    expect(others.map(parsed).map(BootstrapList.digestOf)).not.toContain(digest)
  })
})
