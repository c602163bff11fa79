/** The members of the cluster on the wire: who they are, and changing that (SPEC §15). */
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import { CutoverInFlight } from "../encryption/Errors.ts"
import * as Engine from "../engine/Errors.ts"
import * as Ids from "../Ids.ts"
import * as Members from "../members/Errors.ts"

const MembershipRole = Schema.Literals(["voter", "learner"])

/** As the node that is asked sees it. What it does not know is absent. */
export const MemberStatus = Schema.Struct({
  id: Ids.MemberId,
  nodeName: Ids.NodeName,
  incarnation: Ids.Incarnation,
  /** `HOST:PORT` for its peers. */
  address: Schema.optionalKey(Schema.String),
  /** `HOST:PORT` for clients. */
  endpoint: Schema.optionalKey(Schema.String),
  role: MembershipRole,
  isLeader: Schema.Boolean,
  isConnected: Schema.Boolean,
  match: Schema.optionalKey(Ids.LogIndex),
  lag: Schema.optionalKey(Schema.Int)
})
export type MemberStatus = typeof MemberStatus.Type

const changeFailures = [
  Engine.NotLeader,
  Engine.LeaderNotReady,
  Engine.LeaderLost,
  CutoverInFlight,
  Engine.MembershipOutcomeUnknown,
  Engine.NodeStopped,
  Engine.ProposalTimedOut,
  Engine.TooManyProposals,
  Members.MembershipChangeInProgress
] as const

const promoteRefusals = [
  Members.MemberUnknown,
  Members.NotALearner,
  Members.LearnerLagging
] as const

const capabilityRefusals = [Members.PeerNotEncryptionCapable, Members.PeerNotRegistered] as const

const MemberChanged = Schema.Struct({
  id: Ids.MemberId,
  role: MembershipRole,
  wasAlready: Schema.Boolean
})

const named = { nodeName: Ids.NodeName }
const MemberId = Schema.Struct({ id: Ids.MemberId })

export class MemberApi extends RpcGroup.make(
  Rpc.make("MemberList", { success: Schema.Array(MemberStatus) }),
  Rpc.make("MemberAdd", {
    /** `address`: `HOST:PORT` for its peers. */
    payload: { ...named, address: Schema.String, learner: Schema.Boolean },
    success: MemberChanged,
    error: Schema.Union([
      ...changeFailures,
      ...promoteRefusals,
      Members.MemberNameTaken,
      Members.MemberAddressTaken,
      Members.NodeNotIntroduced,
      Members.NodeAtAnotherAddress,
      ...capabilityRefusals
    ])
  }),
  Rpc.make("MemberPromote", {
    payload: named,
    success: MemberChanged,
    error: Schema.Union([...changeFailures, ...promoteRefusals, ...capabilityRefusals])
  }),
  Rpc.make("MemberRemove", {
    payload: named,
    success: MemberId,
    error: Schema.Union([
      ...changeFailures,
      Members.MemberUnknown,
      Members.LastVoter,
      Members.QuorumWouldBeLost
    ])
  }),
  Rpc.make("LeaderTransfer", {
    payload: named,
    success: MemberId,
    error: Schema.Union([
      ...changeFailures,
      Members.MemberUnknown,
      Members.NotAVoter,
      Members.LeadershipTransferFailed
    ])
  })
) {}
