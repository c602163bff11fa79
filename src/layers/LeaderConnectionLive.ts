/**
 * The way to the leader: that to any member, and what is said about a leader translated.
 *
 * Proof: `test/contracts/LeaderConnection.ts`, over both ways to a member.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LeaderConnection } from "../services/LeaderConnection.ts"
import { MemberConnection } from "../services/MemberConnection.ts"
import * as LeaderAnswer from "./LeaderAnswer.ts"

export const layer: Layer.Layer<LeaderConnection, never, MemberConnection> = Layer.effect(
  LeaderConnection,
  Effect.map(MemberConnection, (members) =>
    LeaderConnection.of({
      ask: (leader, request) => LeaderAnswer.of(leader, members.ask(leader, request))
    })
  )
)
