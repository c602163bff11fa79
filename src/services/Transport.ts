/**
 * How Raft messages leave this node. A lone voter has nobody to send to; peers come with part 3.
 *
 * Messages may be lost, repeated or reordered, never changed. Sending never waits for a peer.
 */
import * as Context from "effect/Context"
import type { Message } from "../domain/raft/Message.ts"

export class Transport extends Context.Service<
  Transport,
  {
    /** Hands over a batch in order; drops what does not fit a peer's bounded queue. Synchronous. */
    readonly send: (messages: ReadonlyArray<Message>) => void
  }
>()("sealog/Transport") {}
