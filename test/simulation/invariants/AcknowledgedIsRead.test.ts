/** The checker of reads on histories made by hand (SPEC §19, I10). */
import { describe, expect, it } from "vitest"
import { Findings } from "../Findings.ts"
import { AcknowledgedIsRead } from "./AcknowledgedIsRead.ts"

const key = "w0"

/** A register, and how its reads go. */
function made() {
  const findings = new Findings(() => {})
  const reads = new AcknowledgedIsRead(findings)
  const written = (fate: "open" | "acknowledged" | "failed") =>
    reads.ended(key, reads.next(key), fate)
  const read = (number: number) => reads.end(reads.begin(key), number, "n1")
  return { findings, reads, written, read }
}

const isWrong = { violation: expect.stringMatching(/^I10: /) }

describe("an acknowledged write is read", () => {
  it("until a later one is, and 0 before any", () => {
    const { findings, read, written } = made()
    read(0)
    written("acknowledged")
    read(1)
    written("acknowledged")
    read(2)
    read(2)
    expect(findings.violation).toBeUndefined()
  })

  it("so what came before it is stale", () => {
    const { findings, read, written } = made()
    written("acknowledged")
    written("acknowledged")
    read(1)
    expect(findings).toMatchObject(isWrong)
  })

  it("so there is a key", () => {
    const { findings, read, written } = made()
    written("acknowledged")
    read(0)
    expect(findings).toMatchObject(isWrong)
  })

  it("by who asked after it was, and not before", () => {
    const { findings, reads, written } = made()
    written("acknowledged")
    const early = reads.begin(key)
    written("acknowledged")
    reads.end(early, 1, "n1")
    expect(findings.violation).toBeUndefined()
  })

  it("and what was read is not unread", () => {
    const { findings, read, written } = made()
    written("acknowledged")
    written("open")
    read(2)
    read(1)
    expect(findings).toMatchObject(isWrong)
  })
})

describe("what nobody wrote", () => {
  it("is not there", () => {
    const { findings, read } = made()
    read(1)
    expect(findings).toMatchObject(isWrong)
  })

  it("nor what was refused, read after that or before", () => {
    const after = made()
    after.written("failed")
    after.read(1)
    expect(after.findings).toMatchObject(isWrong)
    const before = made()
    const number = before.reads.next(key)
    before.read(number)
    expect(before.findings.violation).toBeUndefined()
    before.reads.ended(key, number, "failed")
    expect(before.findings).toMatchObject(isWrong)
  })
})

describe("a write whose outcome nobody knows", () => {
  it("may take effect late, over a later one, and stay", () => {
    const { findings, read, written } = made()
    written("open")
    written("acknowledged")
    read(2)
    read(1)
    read(1)
    expect(findings.violation).toBeUndefined()
  })

  it("takes effect once: what has overwritten it was acknowledged", () => {
    const { findings, read, written } = made()
    written("open")
    read(1)
    written("acknowledged")
    read(1)
    expect(findings).toMatchObject(isWrong)
  })

  it("takes effect once: what has overwritten it was read", () => {
    const { findings, read, written } = made()
    written("open")
    written("open")
    read(2)
    read(1)
    expect(findings.violation).toBeUndefined()
    read(2)
    expect(findings).toMatchObject(isWrong)
  })

  it("and has overwritten what was acknowledged, if it is read after that", () => {
    const { findings, read, written } = made()
    written("open")
    written("acknowledged")
    read(1)
    expect(findings.violation).toBeUndefined()
    read(2)
    expect(findings).toMatchObject(isWrong)
  })

  it("may take effect between a later one and the answer to that", () => {
    const { findings, read, reads, written } = made()
    written("open")
    const later = reads.next(key)
    read(1)
    reads.ended(key, later, "acknowledged")
    read(1)
    read(1)
    expect(findings.violation).toBeUndefined()
  })

  it("may be read by two at a time, of which one was asked before the other's answer", () => {
    const { findings, read, reads, written } = made()
    written("open")
    written("open")
    const early = reads.begin(key)
    read(1)
    read(2)
    reads.end(early, 1, "n2")
    expect(findings.violation).toBeUndefined()
  })
})
