/**
 * How one configuration becomes another (Raft thesis §4, §4.2.1, §4.3).
 *
 * A change of at most one voter is made at once: old and new majorities overlap. Any other goes
 * through a joint configuration. A member is never forgotten while either half still counts it: a
 * voter that is to become a learner stays voter until the joint configuration is left.
 *
 * What must never happen: two configurations in a row with disjoint majorities.
 * Proof: `MembershipChange.test.ts`.
 */
import type { MemberId } from "../Ids.ts"
import * as Membership from "./Membership.ts"

/** One step of a change. Steps that change nothing are no error: adding who is there, and so on. */
export interface Step {
  /** `update` means that something about the member changed that the core does not look at. */
  readonly action: "addVoter" | "addLearner" | "remove" | "update"
  /** 0 makes the step void: a driver may strike out a step of a committed change before applying. */
  readonly member: MemberId
}

/**
 * `auto` is joint exactly if there is more than one step, and then left automatically; `implicit` is
 * always joint and left automatically; `explicit` is always joint and left by another change.
 */
export type Transition = "auto" | "implicit" | "explicit"

/** The content of a `membership` entry. With `auto` and no steps it leaves a joint configuration. */
export interface MembershipChange {
  readonly transition: Transition
  readonly steps: ReadonlyArray<Step>
  /** For the driver: names, addresses. The core does not look at it. */
  readonly context: Uint8Array
}

/** Why a change cannot be made. */
export type Refusal =
  | "alreadyJoint"
  | "noVoters"
  | "notJoint"
  | "simpleWhileJoint"
  | "tooManyVotersChanged"
  | "allVotersRemoved"

/** The new configuration, or the refusal. */
export type Changed =
  | {
      readonly _tag: "Changed"
      readonly membership: Membership.Membership
      /** The members about whose log nothing is known: they are new, or were removed and added. */
      readonly joined: ReadonlyArray<MemberId>
    }
  | { readonly _tag: "Refused"; readonly reason: Refusal }

/** Leaves a joint configuration. */
export const leaving: MembershipChange = {
  transition: "auto",
  steps: [],
  context: new Uint8Array(0)
}

export const isLeaving = ({ steps, transition }: MembershipChange): boolean =>
  transition === "auto" && steps.length === 0

/** Makes a change as its entry asks. */
export function apply(membership: Membership.Membership, change: MembershipChange): Changed {
  const { steps, transition } = change
  if (isLeaving(change)) return leaveJoint(membership)
  if (transition === "auto" && steps.length <= 1) return simple(membership, steps)
  return enterJoint(membership, steps, { autoLeave: transition !== "explicit" })
}

/** Changes at most one voter, at once. */
export function simple(membership: Membership.Membership, steps: ReadonlyArray<Step>): Changed {
  if (Membership.isJoint(membership)) return refused("simpleWhileJoint")
  const workspace = open(membership)
  take(workspace, steps)
  if (workspace.voters.size === 0) return refused("allVotersRemoved")
  const isVoterBefore = (id: MemberId) => membership.voters.includes(id)
  const added = [...workspace.voters].filter((id) => !isVoterBefore(id)).length
  const removed = membership.voters.filter((id) => !workspace.voters.has(id)).length
  if (added + removed > 1) return refused("tooManyVotersChanged")
  return close(workspace, { autoLeave: false })
}

/** The voters become the outgoing half; the steps change the other one. */
export function enterJoint(
  membership: Membership.Membership,
  steps: ReadonlyArray<Step>,
  { autoLeave }: { readonly autoLeave: boolean }
): Changed {
  if (Membership.isJoint(membership)) return refused("alreadyJoint")
  if (membership.voters.length === 0) return refused("noVoters")
  const workspace = open({ ...membership, votersOutgoing: membership.voters })
  take(workspace, steps)
  return workspace.voters.size === 0 ? refused("allVotersRemoved") : close(workspace, { autoLeave })
}

/** The outgoing half is dropped; what it held back is done. */
export function leaveJoint(membership: Membership.Membership): Changed {
  if (!Membership.isJoint(membership)) return refused("notJoint")
  const { learners, learnersNext, voters } = membership
  return {
    _tag: "Changed",
    membership: Membership.make(voters, [...learners, ...learnersNext]),
    joined: []
  }
}

const refused = (reason: Refusal): Changed => ({ _tag: "Refused", reason })

/** A configuration being changed. */
interface Workspace {
  readonly voters: Set<MemberId>
  readonly votersOutgoing: ReadonlySet<MemberId>
  readonly learners: Set<MemberId>
  readonly learnersNext: Set<MemberId>
  readonly joined: Set<MemberId>
}

const open = (membership: Membership.Membership): Workspace => ({
  voters: new Set(membership.voters),
  votersOutgoing: new Set(membership.votersOutgoing),
  learners: new Set(membership.learners),
  learnersNext: new Set(membership.learnersNext),
  joined: new Set()
})

const close = (workspace: Workspace, { autoLeave }: { readonly autoLeave: boolean }): Changed => ({
  _tag: "Changed",
  membership: {
    voters: Membership.sorted(workspace.voters),
    votersOutgoing: Membership.sorted(workspace.votersOutgoing),
    learners: Membership.sorted(workspace.learners),
    learnersNext: Membership.sorted(workspace.learnersNext),
    autoLeave
  },
  joined: Membership.sorted(workspace.joined)
})

function take(workspace: Workspace, steps: ReadonlyArray<Step>): void {
  for (const { action, member } of steps) {
    if (member === 0) continue
    switch (action) {
      case "addVoter":
        addVoter(workspace, member)
        break
      case "addLearner":
        addLearner(workspace, member)
        break
      case "remove":
        remove(workspace, member)
        break
      case "update":
        break
    }
  }
}

function addVoter(workspace: Workspace, id: MemberId): void {
  if (!isKnown(workspace, id)) workspace.joined.add(id)
  workspace.learners.delete(id)
  workspace.learnersNext.delete(id)
  workspace.voters.add(id)
}

/** A voter of the outgoing half is only marked: it becomes a learner when that half is left. */
function addLearner(workspace: Workspace, id: MemberId): void {
  if (workspace.learners.has(id)) return
  if (!isKnown(workspace, id)) workspace.joined.add(id)
  workspace.voters.delete(id)
  if (workspace.votersOutgoing.has(id)) workspace.learnersNext.add(id)
  else workspace.learners.add(id)
}

function remove(workspace: Workspace, id: MemberId): void {
  workspace.voters.delete(id)
  workspace.learners.delete(id)
  workspace.learnersNext.delete(id)
  if (!workspace.votersOutgoing.has(id)) workspace.joined.delete(id)
}

const isKnown = (workspace: Workspace, id: MemberId): boolean =>
  workspace.voters.has(id) || workspace.votersOutgoing.has(id) || workspace.learners.has(id)

const formatVersion = 1
const transitions: ReadonlyArray<Transition> = ["auto", "implicit", "explicit"]
const actions: ReadonlyArray<Step["action"]> = ["addVoter", "addLearner", "remove", "update"]
const headerBytes = 4
const stepBytes = 9

/**
 * The data of a `membership` entry, big-endian:
 * `version(1) ‖ transition(1) ‖ count(2) ‖ count × (action(1) ‖ member(8)) ‖ context`.
 * {@link leaving} is empty, so that no quota can refuse it.
 */
export function encode(change: MembershipChange): Uint8Array {
  const { context, steps, transition } = change
  if (isLeaving(change) && context.length === 0) return new Uint8Array(0)
  const bytes = new Uint8Array(headerBytes + stepBytes * steps.length + context.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, formatVersion)
  view.setUint8(1, transitions.indexOf(transition))
  view.setUint16(2, steps.length)
  steps.forEach(({ action, member }, position) => {
    const offset = headerBytes + stepBytes * position
    view.setUint8(offset, actions.indexOf(action))
    view.setBigUint64(offset + 1, BigInt(member))
  })
  bytes.set(context, headerBytes + stepBytes * steps.length)
  return bytes
}

/** `undefined` if these bytes are no change, or another spelling of {@link leaving}. */
export function decode(bytes: Uint8Array): MembershipChange | undefined {
  if (bytes.length === 0) return leaving
  if (bytes.length < headerBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const transition = transitions[view.getUint8(1)]
  const count = view.getUint16(2)
  const contextFrom = headerBytes + stepBytes * count
  if (view.getUint8(0) !== formatVersion || transition === undefined) return undefined
  if (bytes.length < contextFrom) return undefined
  const steps: Array<Step> = []
  for (let offset = headerBytes; offset < contextFrom; offset += stepBytes) {
    const action = actions[view.getUint8(offset)]
    const member = Number(view.getBigUint64(offset + 1))
    if (action === undefined || !Number.isSafeInteger(member)) return undefined
    steps.push({ action, member: member as MemberId })
  }
  const change = { transition, steps, context: bytes.slice(contextFrom) }
  return isLeaving(change) && change.context.length === 0 ? undefined : change
}
