import { expect, it } from "@effect/vitest"
import type { EncryptionStatus, SurveyedNode } from "../../src/domain/api/AdminApi.ts"
import * as EncryptionTables from "../../src/layers/EncryptionTables.ts"

const status = (fields: object) =>
  ({
    nodeName: "n1",
    memberId: 1,
    incarnation: "a".repeat(32),
    appliedIndex: 150,
    phase: 2,
    hasKek: true,
    keys: [
      { id: 900, purpose: "raft", isActive: true, createdIndex: 5, ageEntries: 145 },
      { id: 800, purpose: "storage", isActive: true, createdIndex: 4, ageEntries: 146 }
    ],
    storageEnvelopeIndex: 6,
    cutoverIndex: 144,
    isBarrierClosed: false,
    isWrapFlagSet: true,
    ...fields
  }) as unknown as EncryptionStatus

const node = (id: number, fields: object) =>
  ({ id, nodeName: `n${id}`, role: "voter", isLeader: false, ...fields }) as unknown as SurveyedNode

it("a cluster is a table of nodes, one of keys, one of cutovers, and who did not answer", () => {
  const nodes = [
    node(1, {
      isLeader: true,
      status: status({
        writerId: 1,
        localEpoch: 3,
        registeredEpoch: 3,
        lastCutover: {
          term: 2,
          stepMillis: { gate: 12.34, registration: 0, drain: 4, append: 2.5, apply: 1 },
          ended: { end: "CutOver", barrierClosedMillis: 7.5 }
        }
      })
    }),
    node(2, {
      role: "learner",
      status: status({
        phase: 1,
        hasKek: false,
        cutoverIndex: 0,
        isWrapFlagSet: false,
        isBarrierClosed: true,
        keys: [{ id: 800, purpose: "storage", isActive: false, createdIndex: 4, ageEntries: 9 }],
        writerId: 2,
        registeredEpoch: 7,
        lastCutover: { term: 1, stepMillis: { gate: 1, registration: 0 } }
      })
    }),
    node(3, { unanswered: { reason: "TimedOut", message: "no answer within 2000 ms" } })
  ]
  expect(EncryptionTables.textOf(nodes)).toBe(
    `member  name                 phase      KEK     values      entries       flag   barrier  writer  epoch
1       n1    voter, leader  2          loaded  sealed > 6  sealed > 144  set    open     1       3
2       n2    learner        1          none    sealed > 6  plain         clear  closed   2       -, registered 7
3       n3    voter          no answer

key  purpose  created at  at n1            at n2
800  storage  4           active, age 146  reading, age 9
900  raft     5           active, age 145  none

cutover at  term  end      gate     registration  drain   append  apply   barrier closed
n1          2     CutOver  12.3 ms  0.0 ms        4.0 ms  2.5 ms  1.0 ms  7.5 ms
n2          1     running  1.0 ms   0.0 ms        -       -       -       -

n3 did not answer: no answer within 2000 ms`
  )
})

it("a plaintext node is one table", () => {
  const plain = status({
    phase: 0,
    keys: [],
    storageEnvelopeIndex: 0,
    cutoverIndex: 0,
    isWrapFlagSet: false
  })
  const text = EncryptionTables.textOf([node(1, { status: plain })])
  expect(text.split("\n")).toHaveLength(2)
  expect(text).toContain("plain   plain    clear  open     -       -")
})
