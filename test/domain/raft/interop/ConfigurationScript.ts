/** etcd's `confchange` files, run on `MembershipChange`: stateful within a file. */
import type { LogIndex, MemberId } from "../../../../src/domain/Ids.ts"
import * as Membership from "../../../../src/domain/raft/Membership.ts"
import * as MembershipChange from "../../../../src/domain/raft/MembershipChange.ts"
import type { Progress } from "../../../../src/domain/raft/Progress.ts"
import { trackMembers } from "../../../../src/domain/raft/Reconfiguration.ts"
import { peerStatusOf } from "../../../../src/domain/raft/Status.ts"
import { type Directive, UnknownCommand, valueOf } from "./DataDriven.ts"
import * as Describe from "./Describe.ts"

export const commands: ReadonlySet<string> = new Set(["simple", "enter-joint", "leave-joint"])

const texts: Record<MembershipChange.Refusal, string> = {
  alreadyJoint: "config is already joint",
  noVoters: "can't make a zero-voter config joint",
  notJoint: "can't leave a non-joint config",
  simpleWhileJoint: "can't apply simple config change in joint config",
  tooManyVotersChanged: "more than one voter changed without entering joint config",
  allVotersRemoved: "removed all voters"
}

export class ConfigurationScript {
  private membership = Membership.empty
  private progress: ReadonlyMap<MemberId, Progress> = new Map()
  /** Each directive counts as one more entry in the log. */
  private lastIndex = 0

  run(directive: Directive): string {
    const changed = this.change(directive)
    const lastIndex = this.lastIndex++ as LogIndex
    if (changed._tag === "Refused") return texts[changed.reason]
    this.membership = changed.membership
    this.progress = trackMembers(this.progress, {
      members: Membership.allMembers(this.membership),
      joined: changed.joined,
      lastIndex,
      limits: { messagesMax: 10, bytesMax: Number.POSITIVE_INFINITY }
    })
    const statuses = new Map([...this.progress].map(([id, peer]) => [id, peerStatusOf(peer)]))
    const lines = Describe.progress(statuses, this.membership.learners)
    return `${Describe.membership(this.membership)}\n${lines}`.trimEnd()
  }

  private change(directive: Directive): MembershipChange.Changed {
    const { membership } = this
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
        throw new UnknownCommand(directive.command)
    }
  }
}
