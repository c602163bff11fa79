import { describe, expect, it } from "vitest"
import { NodeName } from "../../../src/domain/Ids.ts"
import * as BootstrapList from "../../../src/domain/peer/BootstrapList.ts"
import * as Founding from "../../../src/domain/peer/Founding.ts"
import type { Introduction } from "../../../src/domain/peer/Introduction.ts"
import { incarnationOf } from "../../support/PeerIdentities.ts"

const list = BootstrapList.parse("n1=h:1,n2=h:2,n3=h:3")!
const founder = { nodeName: NodeName.make("n1"), incarnation: incarnationOf(1) }

const introductionOf = (id: number, changed: Partial<Introduction> = {}): Introduction => ({
  nodeName: NodeName.make(`n${id}`),
  incarnation: incarnationOf(id),
  address: { host: "h", port: id },
  listDigest: BootstrapList.digestOf(list),
  hasKek: false,
  softwareVersion: "1",
  ...changed
})

const having = (...introductions: ReadonlyArray<Introduction>) =>
  introductions.reduce(
    (founding, introduction) => Founding.introduce(founding, introduction).founding,
    Founding.begin(list, founder)
  )

const answerTo = (introduction: Introduction, before = having()) => {
  const { answer, founding } = Founding.introduce(before, introduction)
  if (answer._tag === "Refused") expect(founding).toBe(before)
  return answer._tag === "Refused" ? answer.reason : answer._tag
}

describe("a founding", () => {
  it("needs every other node of the list once, whatever the order", () => {
    expect(Founding.missing(having())).toEqual(["n2", "n3"])
    expect(Founding.missing(having(introductionOf(3)))).toEqual(["n2"])
    expect(Founding.voters(having(introductionOf(3), introductionOf(3)))).toBeUndefined()
    expect(Founding.voters(having(introductionOf(3), introductionOf(2)))).toEqual([
      { id: 1, nodeName: "n1", incarnation: incarnationOf(1), address: { host: "h", port: 1 } },
      { id: 2, nodeName: "n2", incarnation: incarnationOf(2), address: { host: "h", port: 2 } },
      { id: 3, nodeName: "n3", incarnation: incarnationOf(3), address: { host: "h", port: 3 } }
    ])
  })

  it("takes the newest data directory of a name", () => {
    const wiped = introductionOf(2, { incarnation: incarnationOf(9) })
    const voters = Founding.voters(having(introductionOf(2), introductionOf(3), wiped))
    expect(voters?.map(({ incarnation }) => incarnation)).toEqual([1, 9, 3].map(incarnationOf))
  })

  it("refuses what would be another cluster, or one directory twice, and stays as it was", () => {
    const other = BootstrapList.digestOf(BootstrapList.parse("n2=h:2,n1=h:1,n3=h:3")!)
    expect(answerTo(introductionOf(2))).toBe("Waiting")
    expect(answerTo(introductionOf(2, { listDigest: other }))).toBe("otherBootstrapList")
    expect(answerTo(introductionOf(4))).toBe("otherBootstrapList")
    expect(answerTo(introductionOf(1, { incarnation: incarnationOf(8) }))).toBe("nameTaken")
    expect(answerTo(introductionOf(2, { incarnation: incarnationOf(1) }))).toBe("directoryCopied")
    const copy = introductionOf(3, { incarnation: incarnationOf(2) })
    expect(answerTo(copy, having(introductionOf(2)))).toBe("directoryCopied")
  })

  it("lets a node wait that joins, and does not found with it", () => {
    const joining = introductionOf(2, { listDigest: undefined })
    expect(answerTo(joining)).toBe("Waiting")
    expect(Founding.missing(having(joining))).toEqual(["n2", "n3"])
  })

  it("of one node needs nobody", () => {
    const alone = Founding.begin(BootstrapList.parse("n1=h:1")!, founder)
    expect(Founding.voters(alone)).toHaveLength(1)
  })
})
