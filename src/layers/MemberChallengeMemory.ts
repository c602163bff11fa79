/** The memory twin of the challenge over sockets, on a {@link MemoryNetwork}; this node answers there too. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Capability } from "../services/Capability.ts"
import { MemberChallenge } from "../services/MemberChallenge.ts"
import { Opening } from "../services/Opening.ts"
import type { MemoryNetwork } from "./MemoryNetwork.ts"

const make = Effect.fnUntraced(function* ({ network }: { readonly network: MemoryNetwork }) {
  const capability = yield* Capability
  const { nodeName: from } = yield* Opening
  yield* network.answers(from, capability)
  return MemberChallenge.of({
    ask: ({ nodeName: to }, challenge) => network.challenge({ from, to }, challenge)
  })
})

/** Requires the opening, which says which node this is. */
export const layer = (options: {
  readonly network: MemoryNetwork
}): Layer.Layer<MemberChallenge, never, Capability | Opening> =>
  Layer.effect(MemberChallenge, make(options))
