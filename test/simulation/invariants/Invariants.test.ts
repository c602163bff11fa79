/**
 * Each checker of the simulator says nothing of what is right, and names its invariant where that is
 * broken (SPEC §19). Some are rarely broken first in a simulated cluster, so each is shown here.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import type { MemberId } from "../../../src/domain/Ids.ts"
import * as Membership from "../../../src/domain/raft/Membership.ts"
import { Changes, keyText } from "../../../src/domain/state/Changes.ts"
import { CapabilityGate } from "../../../src/services/CapabilityGate.ts"
import { Findings } from "../Findings.ts"
import { Operators } from "../Operators.ts"
import * as Planted from "../Planted.ts"
import * as Program from "../Program.ts"
import { SimulatedDisk } from "../SimulatedDisk.ts"
import { World } from "../World.ts"
import { AppliedInOrder } from "./AppliedInOrder.ts"
import { AppliedOnce } from "./AppliedOnce.ts"
import { BarrierOpens, closedMillisMax } from "./BarrierOpens.ts"
import { CommittedStays } from "./CommittedStays.ts"
import { DurableOnQuorum } from "./DurableOnQuorum.ts"
import { EqualStates } from "./EqualStates.ts"
import { GateKeepsOut } from "./GateKeepsOut.ts"
import { Linearizable } from "./Linearizable.ts"
import { LogsMatch } from "./LogsMatch.ts"
import { NoncesOnce } from "./NoncesOnce.ts"
import { OneLeaderPerTerm } from "./OneLeaderPerTerm.ts"

const none = () => new Findings(() => {})

/** What is right, then what breaks it. */
interface Shown {
  readonly findings: Findings
  readonly right: () => void
  readonly wrong: () => void
}

function shows(invariant: string, { findings, right, wrong }: Shown): void {
  right()
  expect(findings.violation).toBeUndefined()
  wrong()
  expect(findings.violation?.split(":")[0]).toBe(invariant)
}

const entry = (term: number, checksum: number) => ({ term, checksum })

const nobody = {
  logGiven: () => {},
  logChanged: () => {},
  stateChanges: () => {},
  stateReplaced: () => {}
}

describe("Raft", () => {
  it("I1: a term has one leader", () => {
    const findings = none()
    const leaders = new OneLeaderPerTerm(findings)
    shows("I1", {
      findings,
      right: () => {
        leaders.leads("n1", 1)
        leaders.leads("n1", 1)
        leaders.leads("n2", 2)
      },
      wrong: () => leaders.leads("n2", 1)
    })
  })

  it("I2: what stands at one position is the same everywhere", () => {
    const findings = none()
    const logs = new LogsMatch(findings)
    shows("I2", {
      findings,
      right: () => {
        logs.written("n1", 1, entry(1, 11), entry(0, 0))
        logs.written("n1", 2, entry(2, 12), entry(1, 11))
        logs.written("n2", 2, entry(2, 12), undefined)
        logs.written("n2", 2, entry(3, 13), entry(1, 11))
      },
      wrong: () => logs.written("n3", 2, entry(2, 14), entry(1, 11))
    })
  })

  it("I2: and so is what precedes it, also if nobody knew that at first", () => {
    const findings = none()
    const logs = new LogsMatch(findings)
    shows("I2", {
      findings,
      right: () => {
        logs.written("n1", 2, entry(2, 12), undefined)
        logs.written("n2", 2, entry(2, 12), entry(1, 11))
        logs.written("n1", 2, entry(2, 12), undefined)
      },
      wrong: () => logs.written("n3", 2, entry(2, 12), entry(2, 21))
    })
  })

  it("I3: what is committed never changes", () => {
    const findings = none()
    const committed = new CommittedStays(findings)
    shows("I3", {
      findings,
      right: () => {
        committed.claimed("n1", 1, entry(1, 11))
        committed.claimed("n2", 1, entry(1, 11))
      },
      wrong: () => committed.claimed("n3", 1, entry(1, 12))
    })
  })

  it("I3: and no disk loses it, unless its state has it", () => {
    const findings = none()
    const committed = new CommittedStays(findings)
    shows("I3", {
      findings,
      right: () => {
        committed.claimed("n1", 2, entry(2, 12))
        committed.lost("n2", 2, entry(1, 11), 0)
        committed.lost("n2", 2, entry(2, 12), 2)
      },
      wrong: () => committed.lost("n2", 2, entry(2, 12), 1)
    })
  })

  it("I4: what is committed is durable on a majority of either half", () => {
    const findings = none()
    const durable = new DurableOnQuorum(findings)
    const id = (member: number) => member as MemberId
    const voters = [1, 2, 3].map(id)
    const joint = { ...Membership.make(voters), votersOutgoing: [3, 4, 5].map(id) }
    const claim = (membership: Membership.Membership, ...holders: ReadonlyArray<number>) =>
      durable.committed({
        ...{ name: "n1", index: 1, term: 1, membership },
        holds: (member) => holders.includes(member)
      })
    shows("I4", {
      findings,
      right: () => {
        claim(Membership.make(voters), 1, 2)
        claim(joint, 1, 3, 4)
      },
      wrong: () => claim(joint, 1, 2, 3)
    })
  })
})

describe("the state", () => {
  it("I5: what is applied is committed", () => {
    const findings = none()
    const committed = new CommittedStays(findings)
    const applied = new AppliedInOrder(findings, committed)
    shows("I5", {
      findings,
      right: () => {
        committed.claimed("n1", 2, entry(1, 12))
        applied.appliedThrough("n1", 1, 1)
        applied.appliedThrough("n1", 2, 1)
        applied.begins("n1", 1)
        applied.appliedThrough("n1", 2, 1)
      },
      wrong: () => applied.appliedThrough("n1", 3, 1)
    })
  })

  it("I5: of the term that was committed, and never backwards", () => {
    for (const [index, term] of [
      [2, 3],
      [1, 1]
    ] as const) {
      const findings = none()
      const committed = new CommittedStays(findings)
      const applied = new AppliedInOrder(findings, committed)
      shows("I5", {
        findings,
        right: () => {
          committed.claimed("n1", 2, entry(1, 12))
          applied.appliedThrough("n1", 2, 1)
        },
        wrong: () => applied.appliedThrough("n1", index, term)
      })
    }
  })

  it("I6: states that have applied as much are equal", () => {
    const findings = none()
    const states = new EqualStates(findings)
    const put = (disk: SimulatedDisk, text: string, index: number) => {
      const changes = new Changes()
      const key = Buffer.from("key")
      changes.set("kv", keyText(key), { key, value: Buffer.from(text) })
      states.commits(disk, changes)
      disk.commit(changes)
      states.compare(disk.name, index)
    }
    const [first, second] = ["n1", "n2"].map((name) => new SimulatedDisk(name, nobody))
    shows("I6", {
      findings,
      right: () => {
        put(first!, "one", 1)
        put(first!, "two", 2)
        put(second!, "two", 2)
      },
      wrong: () => {
        put(first!, "three", 3)
        put(second!, "four", 3)
      }
    })
  })

  it("once: a write has one revision", () => {
    const findings = none()
    const once = new AppliedOnce(findings)
    shows("once", {
      findings,
      right: () => {
        once.seen("w0", 1, 5)
        once.seen("w0", 1, 5)
        once.seen("w1", 1, 6)
      },
      wrong: () => once.seen("w0", 1, 7)
    })
  })

  it("linearizable: what clients saw is what one store would have told", async () => {
    const findings = none()
    let now = 0
    const history = new Linearizable(findings, () => now)
    const input = { _tag: "Get", key: "k" } as const
    const read = (value: string, revision: number) => {
      now += 1
      const output = { _tag: "Found", value, revision } as const
      const answer = { parts: [{ input, output }], seen: revision }
      const asked = { client: "c", writes: [], isInSession: false }
      return Effect.runPromise(history.run(asked, Effect.succeed(answer)))
    }
    const put = (value: string, taken: number) => {
      const write = { _tag: "Put", key: "k", value } as const
      const parts = [{ input: write, output: { _tag: "Written", revision: taken } as const }]
      const end = { _tag: "Answered", at: now + 1, answer: { parts, taken } } as const
      history.note({ client: "w", writes: [write], isInSession: false, invokedAt: now, end })
      now += 2
    }
    put("one", 1)
    put("two", 2)
    await read("two", 2)
    history.judge(2)
    expect(findings.violation).toBeUndefined()
    await read("one", 1)
    history.judge(2)
    expect(findings.violation).toMatch(/^linearizable: /)
  })
})

describe("encryption", () => {
  it("I9: a nonce is used for one thing under one key", () => {
    const findings = none()
    const nonces = new NoncesOnce(findings)
    const envelope = (nonce: number, text: string) =>
      Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 7]), Buffer.alloc(12, nonce), Buffer.from(text)])
    shows("I9", {
      findings,
      right: () => {
        nonces.sealed("raft", envelope(1, "one"), () => "1/1")
        nonces.sealed("raft", envelope(1, "one"), () => "1/1")
        nonces.sealed("raft", envelope(2, "two"), () => "1/2")
        nonces.sealed("value", envelope(1, "three"), () => "key of revision 1")
      },
      wrong: () => nonces.sealed("raft", envelope(1, "two"), () => "1/2")
    })
  })

  it("I11: a closed barrier has a run, and opens in time once everything works", () => {
    for (const [isRunning, later] of [
      [false, 1],
      [true, closedMillisMax + 1]
    ] as const) {
      const findings = none()
      let now = 0
      const barriers = new BarrierOpens(findings, () => now)
      shows("I11", {
        findings,
        right: () => {
          barriers.turned("n1", { isClosed: true, isRunning: true })
          now += 10 * closedMillisMax
          barriers.turned("n1", { isClosed: true, isRunning: true })
          barriers.works()
          now += closedMillisMax
          barriers.turned("n1", { isClosed: true, isRunning: true })
        },
        wrong: () => {
          now += later
          barriers.turned("n1", { isClosed: true, isRunning })
        }
      })
    }
  })

  it("gate: whoever cannot take part is not let through", async () => {
    const findings = none()
    let unable = new Map<string, string>()
    const gate = new GateKeepsOut({
      findings,
      unable: () => unable,
      membersOf: () => ["n1", "n2"]
    })
    const open = CapabilityGate.of({
      survey: Effect.succeed([]),
      check: Effect.void,
      checkNode: () => Effect.void
    })
    const context = Context.make(CapabilityGate, open) as Context.Context<never>
    const swapped = gate.swaps("n1").reduce((before, { apply }) => apply(before), context)
    const watched = Context.get(swapped as Context.Context<CapabilityGate>, CapabilityGate)
    unable = new Map([["n3", "is down"]])
    await Effect.runPromise(watched.check)
    expect(findings.violation).toBeUndefined()
    unable = new Map([["n2", "is down"]])
    await Effect.runPromise(watched.check)
    expect(findings.violation).toMatch(/^gate: n2 /)
  })

  it("cutover: there is one index", () => {
    const world = new World(Program.drawn(1, 3), Planted.none)
    const operators = new Operators(world)
    shows("cutover", {
      findings: world.findings,
      right: () => {
        operators.cutOverAt(7)
        operators.cutOverAt(7)
      },
      wrong: () => operators.cutOverAt(8)
    })
  })
})
