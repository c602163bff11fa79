/** The administration of a leader whose engine, members and neighbours a test answers for (SPEC §15). */
import { assert } from "@effect/vitest"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Endpoint } from "../../src/domain/api/Endpoint.ts"
import type { RegistrationOutcome } from "../../src/domain/apply/Outcome.ts"
import type { CapabilityReason } from "../../src/domain/capability/Reason.ts"
import * as SidecarState from "../../src/domain/encryption/SidecarState.ts"
import * as WriterRegistry from "../../src/domain/encryption/WriterRegistry.ts"
import type { MembershipChangeRefused, TransferFailed } from "../../src/domain/engine/Errors.ts"
import type {
  ClusterId,
  Incarnation,
  KeyId,
  LogIndex,
  MemberId,
  NodeName,
  Term
} from "../../src/domain/Ids.ts"
import { PeerNotEncryptionCapable } from "../../src/domain/members/Errors.ts"
import type { Member } from "../../src/domain/members/Member.ts"
import * as Members from "../../src/domain/members/Members.ts"
import type { PeerStatus, Status } from "../../src/domain/raft/Status.ts"
import * as AdministrationTurnLive from "../../src/layers/AdministrationTurnLive.ts"
import * as ClusterAdminLive from "../../src/layers/ClusterAdminLive.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import { AdministrationTurn } from "../../src/services/AdministrationTurn.ts"
import { Applier } from "../../src/services/Applier.ts"
import { type Candidate, CapabilityGate } from "../../src/services/CapabilityGate.ts"
import { ClusterAdmin } from "../../src/services/ClusterAdmin.ts"
import { Introductions } from "../../src/services/Introductions.ts"
import { Opening } from "../../src/services/Opening.ts"
import { type Intake, RaftEngine } from "../../src/services/RaftEngine.ts"
import { Transport } from "../../src/services/Transport.ts"

export const address = (port: number): Endpoint => ({ host: "127.0.0.1", port })
export const name = (number: number) => `n${number}` as NodeName

export const member = (number: number): Member => ({
  id: number as MemberId,
  nodeName: name(number),
  incarnation: String(number).padStart(32, "0") as Incarnation,
  address: address(7000 + number)
})

/** A service of which only these are asked for. */
const only = <Self, Shape extends object>(
  service: Context.Service<Self, Shape>,
  some: Partial<Shape>
): Layer.Layer<Self> => Layer.succeed(service, some as Shape)

const clusterId = "c".repeat(32) as ClusterId

/** A leader whose log, members and neighbours are what the test says. */
export class FakeLeader {
  members = Members.founding([member(1), member(2)]).reduce(
    (members, step) => Members.apply(members, step).members,
    Members.empty
  )
  intake: Intake = { _tag: "Open", term: 1 as Term }
  commit = 500 as LogIndex
  matches: Record<number, number> = { 1: 500, 2: 500 }
  changes = 0
  readonly terms: Array<Term | undefined> = []
  sidecar = SidecarState.initial(clusterId)
  registry = WriterRegistry.empty
  /** Whom the gate was asked about, and what it says. */
  registration: RegistrationOutcome | undefined
  readonly asked: Array<Candidate> = []
  incapable: CapabilityReason | undefined
  whenAsked: () => void = () => {}
  /** What became of each node, in order. */
  readonly steps: Array<string> = []
  /** A change is made when this is over. */
  until: Effect.Effect<void> = Effect.void
  isPending = false
  /** What the engine answers instead of making a change. */
  refusal: MembershipChangeRefused | undefined
  transferred: Array<number> = []
  transferRefusal: TransferFailed | undefined

  /** There are DEKs. */
  encrypt() {
    this.sidecar = { ...this.sidecar, active: { storage: 5 as KeyId, raft: 7 as KeyId } }
  }

  get layer() {
    const applier = {} as Applier["Service"]
    Object.defineProperties(applier, {
      members: { get: () => this.members },
      registry: { get: () => this.registry },
      sidecar: { get: () => this.sidecar }
    })
    return ClusterAdminLive.layer.pipe(
      Layer.provide([
        Layer.succeed(Applier, applier),
        this.engine,
        Layer.mock(CapabilityGate, {
          checkNode: (node) =>
            Effect.suspend(() => {
              this.asked.push(node)
              this.whenAsked()
              const { nodeName } = node
              const reason = this.incapable
              return reason === undefined
                ? Effect.void
                : Effect.fail(new PeerNotEncryptionCapable({ nodeName, reason }))
            })
        }),
        only(Transport, {
          connections: () => [2, 3].map((peer) => connectionOf(peer as MemberId))
        }),
        only(Introductions, {
          newest: (nodeName) =>
            [introduction, introductionWithKek].find((one) => one.nodeName === nodeName)
        }),
        only(Opening, { memberId: 1 as MemberId })
      ]),
      Layer.provideMerge(AdministrationTurnLive.layer),
      Layer.provide(
        NodeConfigLive.layer({
          tickMillis: 100,
          learnerLagMax: 10,
          learnerCatchUpTimeoutMillis: 5_000
        })
      )
    )
  }

  private get engine() {
    return only(RaftEngine, {
      intake: () => this.intake,
      isMembershipPending: () => this.isPending,
      status: () =>
        ({
          commit: this.commit,
          leader: 1 as MemberId,
          progress: this.progress()
        }) as Partial<Status> as Status,
      changeMembership: (change, term) =>
        Effect.gen({ self: this }, function* () {
          this.changes += 1
          this.terms.push(term)
          this.steps.push("changed")
          yield* this.until
          if (this.refusal !== undefined) return yield* this.refusal
          const { members, outcome } = Members.apply(this.members, change)
          assert(outcome._tag === "Changed")
          this.members = members
          return { index: this.commit, configuration: members.configuration }
        }),
      registerWriter: (writer, term) =>
        Effect.sync(() => {
          this.terms.push(term)
          this.steps.push("registered")
          const { outcome, registry } = WriterRegistry.allocate(this.registry, writer)
          this.registry = registry
          return this.registration ?? outcome
        }),
      transferLeadership: (to) =>
        Effect.suspend(() => {
          this.transferred.push(to)
          return this.transferRefusal === undefined
            ? Effect.void
            : Effect.fail(this.transferRefusal)
        })
    })
  }

  private progress() {
    return new Map(
      Object.entries(this.matches).map(([id, match]) => [
        Number(id) as MemberId,
        { match: match as LogIndex } as PeerStatus
      ])
    )
  }
}

const connectionOf = (peer: MemberId) => ({
  peer,
  endpoint: `127.0.0.1:${8000 + peer}`,
  isConnected: true,
  bytesSent: 0,
  bytesReceived: 0,
  messagesDropped: 0
})

const introduction = {
  nodeName: name(3),
  incarnation: member(3).incarnation,
  address: address(7003),
  listDigest: undefined,
  hasKek: false,
  softwareVersion: "0"
}

const introductionWithKek = {
  ...introduction,
  nodeName: name(4),
  incarnation: member(4).incarnation,
  address: address(7004),
  hasKek: true
}

export const withKek = { nodeName: name(4), address: address(7004), learner: true }
export const notCapable = "PeerNotEncryptionCapable"

export const newcomer = { nodeName: name(3), address: address(7003), learner: false }

/** The cluster's own KEK is not theirs. */
export const without = { ...newcomer, learner: true }

export const withLeader = <A, E>(
  test: (
    leader: FakeLeader,
    admin: ClusterAdmin["Service"],
    turns: AdministrationTurn["Service"]
  ) => Effect.Effect<A, E>
) =>
  Effect.suspend(() => {
    const leader = new FakeLeader()
    return Effect.gen(function* () {
      return yield* test(leader, yield* ClusterAdmin, yield* AdministrationTurn)
    }).pipe(Effect.provide(leader.layer))
  })

export const rolesOf = (admin: ClusterAdmin["Service"]) =>
  admin.members().map(({ nodeName, role }) => `${nodeName} ${role}`)
