/** etcd's own scripts on changing a configuration, run on `MembershipChange`. */
import { describe, expect, it } from "vitest"
import type { LogIndex, MemberId } from "../../../../src/domain/Ids.ts"
import * as Membership from "../../../../src/domain/raft/Membership.ts"
import * as MembershipChange from "../../../../src/domain/raft/MembershipChange.ts"
import type { Progress } from "../../../../src/domain/raft/Progress.ts"
import { trackMembers } from "../../../../src/domain/raft/Reconfiguration.ts"
import { peerStatusOf } from "../../../../src/domain/raft/Status.ts"
import { type Directive, filesOf, read, valueOf } from "./DataDriven.ts"
import * as Describe from "./Describe.ts"

const { files, missing } = filesOf("confchange")

const texts: Record<MembershipChange.Refusal, string> = {
  alreadyJoint: "config is already joint",
  noVoters: "can't make a zero-voter config joint",
  notJoint: "can't leave a non-joint config",
  simpleWhileJoint: "can't apply simple config change in joint config",
  tooManyVotersChanged: "more than one voter changed without entering joint config",
  allVotersRemoved: "removed all voters"
}

function change(membership: Membership.Membership, directive: Directive): MembershipChange.Changed {
  const steps = Describe.parseSteps(directive.input)
  switch (directive.command) {
    case "simple":
      return MembershipChange.simple(membership, steps)
    case "enter-joint": {
      const autoLeave = valueOf(directive, "autoleave") === "true"
      return MembershipChange.enterJoint(membership, steps, { autoLeave })
    }
    case "leave-joint":
      return MembershipChange.leaveJoint(membership)
    default:
      throw new Error(`unknown command ${directive.command}`)
  }
}

/** Runs a file; each directive counts as one more entry in the log. */
function run(directives: ReadonlyArray<Directive>, check: (at: Directive, is: string) => void) {
  let membership = Membership.empty
  let progress: ReadonlyMap<MemberId, Progress> = new Map()
  directives.forEach((directive, lastIndex) => {
    const changed = change(membership, directive)
    if (changed._tag === "Refused") {
      check(directive, texts[changed.reason])
      return
    }
    membership = changed.membership
    progress = trackMembers(progress, {
      members: Membership.allMembers(membership),
      joined: changed.joined,
      lastIndex: lastIndex as LogIndex,
      limits: { messagesMax: 10, bytesMax: Number.POSITIVE_INFINITY }
    })
    const statuses = new Map([...progress].map(([id, peer]) => [id, peerStatusOf(peer)]))
    const lines = Describe.progress(statuses, membership.learners)
    check(directive, `${Describe.membership(membership)}\n${lines}`.trimEnd())
  })
}

describe("etcd's scripts on changing a configuration", () => {
  if (missing !== undefined) it(missing, (context) => context.skip(missing))

  it.for(files)("$name", (file) => {
    run(read(file), (directive, printed) => {
      expect(printed, `${file.name}.txt:${directive.line}`).toBe(directive.expected)
    })
  })
})
