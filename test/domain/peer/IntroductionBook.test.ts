import { describe, expect, it } from "vitest"
import { type ClusterId, type MemberId, NodeName } from "../../../src/domain/Ids.ts"
import type { Introduction } from "../../../src/domain/peer/Introduction.ts"
import * as IntroductionBook from "../../../src/domain/peer/IntroductionBook.ts"
import { incarnationOf } from "../../support/PeerIdentities.ts"

const introductionOf = (id: number, changed: Partial<Introduction> = {}): Introduction => ({
  nodeName: NodeName.make(`n${id}`),
  incarnation: incarnationOf(id),
  address: { host: "h", port: id },
  listDigest: undefined,
  hasKek: false,
  softwareVersion: "1",
  ...changed
})

const clusterId = "a".repeat(32) as ClusterId
const members = [1, 2, 3].map((id) => ({
  id: id as MemberId,
  nodeName: NodeName.make(`n${id}`),
  incarnation: incarnationOf(id),
  address: { host: "h", port: id }
}))

/** What member 1 answers; leader 0: none. */
const answer = (introduction: Introduction, leader: number, known = members) => {
  const told = IntroductionBook.answerTo(introduction, {
    clusterId,
    self: 1 as MemberId,
    members: known,
    leader: leader === 0 ? undefined : (leader as MemberId)
  })
  return told._tag === "Refused" ? told.reason : told
}

const waitingFor = (leader: number) => ({ _tag: "Waiting", leader: { host: "h", port: leader } })

describe("the answer to an introduction", () => {
  it("admits a member, whoever leads", () => {
    for (const leader of [0, 1, 2]) {
      const admitted = { _tag: "Admitted", clusterId, memberId: 2 }
      expect(answer(introductionOf(2), leader)).toEqual(admitted)
    }
  })

  it("lets a stranger wait, and names the leader", () => {
    expect(answer(introductionOf(4), 1)).toEqual(waitingFor(1))
    expect(answer(introductionOf(4), 2)).toEqual(waitingFor(2))
    expect(answer(introductionOf(4), 0)).toEqual({ _tag: "Waiting", leader: undefined })
  })

  it("refuses another data directory of a member's name, if nobody else may know better", () => {
    const wiped = introductionOf(2, { incarnation: incarnationOf(9) })
    expect(answer(wiped, 1)).toBe("nameTaken")
    expect(answer(wiped, 0)).toBe("nameTaken")
    expect(answer(wiped, 3)).toEqual(waitingFor(3))
  })

  it("refuses a member's data directory under another name", () => {
    expect(answer(introductionOf(4, { incarnation: incarnationOf(2) }), 1)).toBe("directoryCopied")
  })

  it("refuses a node that would have founded the cluster, and was not there", () => {
    const late = introductionOf(4, { listDigest: "d".repeat(32) })
    expect(answer(late, 1)).toBe("foundedWithout")
    expect(answer(late, 0, [])).toEqual({ _tag: "Waiting", leader: undefined })
  })
})

describe("the book of introductions", () => {
  it("has the newest of each name, for a while", () => {
    const book = new IntroductionBook.IntroductionBook({ countMax: 5, keptMillis: 100 })
    book.keep(introductionOf(4), 10)
    const again = introductionOf(4, { hasKek: true })
    book.keep(again, 20)
    expect(book.newest(NodeName.make("n4"), 120)).toBe(again)
    expect(book.newest(NodeName.make("n4"), 121)).toBeUndefined()
    expect(book.newest(NodeName.make("n5"), 20)).toBeUndefined()
  })

  it("is bounded: the oldest gives way", () => {
    const book = new IntroductionBook.IntroductionBook({ countMax: 2, keptMillis: 100 })
    for (const id of [1, 2, 1, 3]) book.keep(introductionOf(id), id)
    const kept = [1, 2, 3].filter((id) => book.newest(NodeName.make(`n${id}`), 3) !== undefined)
    expect(kept).toEqual([1, 3])
  })
})
