/**
 * Was the request at hand handed on by another node (SPEC §9)?
 *
 * Set by the server for the requests that carry its mark, read where requests are forwarded: one that
 * was is never forwarded again, so that two nodes which take each other for the leader do not pass it
 * to and fro. Proof: `test/layers/Forwarding.test.ts`.
 */
import * as Context from "effect/Context"

export const ForwardedRequest: Context.Reference<boolean> = Context.Reference<boolean>(
  "sealog/ForwardedRequest",
  { defaultValue: () => false }
)
