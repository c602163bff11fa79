/**
 * `sealog member list|add|promote|remove`: who the cluster is, one change at a time (SPEC §15).
 *
 * Any member may be asked: changes are handed to the leader. Proof: `test/e2e/Members.test.ts`.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Endpoint from "../domain/api/Endpoint.ts"
import type { MemberStatus } from "../domain/api/MemberApi.ts"
import { NodeName } from "../domain/Ids.ts"
import * as CommandFlags from "./CommandFlags.ts"
import * as CommandOutput from "./CommandOutput.ts"
import * as RpcClientSocket from "./RpcClientSocket.ts"

const { endpoint } = CommandFlags

const nameOf = Option.liftPredicate(Schema.is(NodeName))

export const name = Argument.String("NAME").pipe(
  Argument.filterMap(nameOf, () => "Expected the name of a member")
)

const newcomer = Argument.String("NAME=HOST:PORT").pipe(
  Argument.filterMap(
    (text) => {
      const at = text.indexOf("=")
      const address = Endpoint.parse(text.slice(at + 1))
      const isUsable = at > 0 && address !== undefined && address.port > 0
      return isUsable
        ? Option.map(nameOf(text.slice(0, at)), (nodeName) => ({ nodeName, address }))
        : Option.none()
    },
    () => "Expected NAME=HOST:PORT, the name of a node and the address for its peers"
  )
)

const textOf = (members: ReadonlyArray<MemberStatus>): string =>
  CommandOutput.columns([
    ["member", "name", "", "peers", "clients", "lag", ""],
    ...members.map((member) => [
      member.id,
      member.nodeName,
      member.role,
      member.address ?? "none",
      member.endpoint ?? "-",
      member.lag ?? "-",
      noteOf(member)
    ])
  ])

const noteOf = ({ isConnected, isLeader }: MemberStatus): string => {
  if (isLeader) return "leader"
  return isConnected ? "" : "not connected"
}

const list = Command.make(
  "list",
  { endpoint },
  Effect.fnUntraced(function* (given) {
    const client = yield* RpcClientSocket.connect(given.endpoint)
    const { memberId } = yield* client.status
    // A node does not know at which of its addresses its clients reach it.
    const asked = client.endpoint()
    const members = (yield* client.members).map((member) =>
      member.id === memberId && asked !== undefined ? { ...member, endpoint: asked } : member
    )
    yield* CommandOutput.answer({ json: { members }, text: textOf(members) })
  }, Effect.scoped)
).pipe(Command.withDescription("Show the members, as the node sees them that is asked"))

const add = Command.make(
  "add",
  {
    newcomer,
    endpoint,
    learner: Flag.Boolean("learner").pipe(
      Flag.withDescription("It stays a learner: receives the log and has no vote"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ learner, newcomer: { address, nodeName }, ...given }) {
    const client = yield* RpcClientSocket.connect(given.endpoint)
    const done = yield* client.addMember({ nodeName, address, learner })
    const verb = done.wasAlready ? "was already" : "is now"
    yield* CommandOutput.answer({
      json: done,
      text: `${nodeName} ${verb} member ${done.id}, a ${done.role}`
    })
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Let in a node that was started with serve --join; it votes once it has caught up"
  )
)

const promote = Command.make(
  "promote",
  { name, endpoint },
  Effect.fnUntraced(function* (given) {
    const client = yield* RpcClientSocket.connect(given.endpoint)
    const done = yield* client.promoteMember(given.name)
    yield* CommandOutput.answer({
      json: done,
      text: `${given.name} (member ${done.id}) is a voter now`
    })
  }, Effect.scoped)
).pipe(Command.withDescription("Give a learner that has caught up its vote"))

const remove = Command.make(
  "remove",
  { name, endpoint },
  Effect.fnUntraced(function* (given) {
    const client = yield* RpcClientSocket.connect(given.endpoint)
    const done = yield* client.removeMember(given.name)
    yield* CommandOutput.answer({
      json: done,
      text: `${given.name} (member ${done.id}) is removed; stop it and delete its data directory`
    })
  }, Effect.scoped)
).pipe(Command.withDescription("Take a member out, running or not; its number is never used again"))

export const command = Command.make("member").pipe(
  Command.withDescription("Show and change the members of the cluster"),
  Command.withSubcommands([list, add, promote, remove])
)
