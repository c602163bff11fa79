/** What a node is said to have taken for committed while its core is ahead of its disk. */
import { describe, expect, it } from "vitest"
import * as EntryRecord from "../../src/domain/log/EntryRecord.ts"
import * as HardStateRecord from "../../src/domain/log/HardStateRecord.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import * as Fixture from "../domain/raft/support/Fixture.ts"
import { clusterId } from "../support/MemoryCluster.ts"
import { Findings } from "./Findings.ts"
import * as PrefixEncryption from "./PrefixEncryption.ts"
import { Sim } from "./Sim.ts"
import { groupId, SimulatedDisk, writtenOf } from "./SimulatedDisk.ts"
import { Watch } from "./Watch.ts"

const { append, at, draft, entry, index, term } = Fixture

/** A leader of term 1 with an entry of its own on its disk, that a leader of term 2 replaces. */
function deposed(replacing: Entry) {
  const findings = new Findings(() => {})
  const disks: Array<SimulatedDisk> = []
  const watch = new Watch({
    findings,
    cluster: { clusterId, kek: PrefixEncryption.kekOf(1) },
    diskOf: (member) => disks[member - 1],
    sim: new Sim(1)
  })
  disks.push(new SimulatedDisk("n1", watch), new SimulatedDisk("n2", watch))
  const write = (disk: SimulatedDisk, entries: ReadonlyArray<Entry>) => {
    for (const each of entries) {
      disk.written.set(each.index, writtenOf(EntryRecord.encode(groupId, each)))
    }
  }
  const node = new Fixture.Node().lead()
  node.raft.propose([draft("of term 1")])
  node.work()
  const [noop, own] = node.raft.entriesFrom(index(1), 1 << 20) ?? []
  write(disks[0]!, [noop!, own!])
  const watched = {
    name: "n1",
    raft: node.raft,
    commitSeen: 0,
    wasLeader: true,
    barrier: undefined
  }
  const previous = at(1, 1)
  // In the turn in which it steps down: nothing of this is on its disk yet.
  node.raft.step({
    ...append(2, 2, { previous, entries: [replacing], commit: index(2) }),
    to: node.id
  })
  watch.turned(watched)
  const others = entry(2, 2, "of term 2")
  write(disks[1]!, [noop!, others])
  const record = HardStateRecord.encode(groupId, {
    ...{ term: term(2), vote: undefined, commit: index(2) }
  })
  watch.logChanged(
    disks[1]!,
    {
      ...{ operation: "persist", remove: undefined, entries: [] },
      records: [{ name: "hardState", record }]
    },
    new Map()
  )
  return findings.violation
}

describe("a leader that steps down, and takes in the same turn what the next one has committed", () => {
  it("is taken at what its core holds, not at what that is about to replace on its disk", () => {
    expect(deposed(entry(2, 2, "of term 2"))).toBeUndefined()
  })

  it("is reported if that is something else", () => {
    expect(deposed(entry(2, 2, "another one"))).toMatch(/^I3: 2 is committed in term 2 at n1/)
  })
})
