/**
 * What can go wrong between a client and a node, before and beside the answers of the node itself.
 *
 * Never confuse "was not sent" (`EndpointUnreachable`) with "no answer came" (`ConnectionLost`): only
 * after the first is it certain that a write is not applied.
 */
import * as Schema from "effect/Schema"

/** No connection could be made; nothing was sent. */
export class EndpointUnreachable extends Schema.TaggedError<EndpointUnreachable>()(
  "EndpointUnreachable",
  { endpoint: Schema.String, cause: Schema.String }
) {
  override get message() {
    return `no node can be reached at ${this.endpoint} (${this.cause}); check the address and that the node runs`
  }
}

/** Nobody has said yet where that member serves clients; nothing was sent. */
export class EndpointUnknown extends Schema.TaggedError<EndpointUnknown>()("EndpointUnknown", {}) {
  override get message() {
    return "the node that was asked has had no connection with it since it was started, so it does not know where it serves clients; ask that node itself"
  }
}

/** The connection ended before the answer came; a write may or may not be applied. */
export class ConnectionLost extends Schema.TaggedError<ConnectionLost>()("ConnectionLost", {
  endpoint: Schema.String,
  cause: Schema.String
}) {
  override get message() {
    return `the connection to ${this.endpoint} ended before the answer came (${this.cause}); a write may or may not be applied, read before you repeat it; if nothing is ever answered there, it is no port for clients: give what the node printed as "listen"`
  }
}

/** The node, or the conversation with it, met a bug; a write may or may not be applied. */
export class RequestDied extends Schema.TaggedError<RequestDied>()("RequestDied", {
  endpoint: Schema.String,
  cause: Schema.String
}) {
  override get message() {
    return `the node at ${this.endpoint} could not process the request (${this.cause}); see its log`
  }
}

/** The write was repeated as long as it may be, and whether it is applied is still not known. */
export class WriteOutcomeUnknown extends Schema.TaggedError<WriteOutcomeUnknown>()(
  "WriteOutcomeUnknown",
  { afterMillis: Schema.Int, cause: Schema.String }
) {
  override get message() {
    return `no answer in ${this.afterMillis} ms (${this.cause}); the write may or may not be applied, read before you repeat it`
  }
}

/** This address may not be served yet. */
export class ListenRefused extends Schema.TaggedError<ListenRefused>()("ListenRefused", {
  listen: Schema.String
}) {
  override get message() {
    return `refused to listen on ${this.listen}: until TLS and authentication exist, only loopback addresses are served (127.0.0.1, [::1], localhost)`
  }
}

/** The address could not be bound: in use, or not of this machine. */
export class ListenFailure extends Schema.TaggedError<ListenFailure>()("ListenFailure", {
  listen: Schema.String,
  cause: Schema.String
}) {
  override get message() {
    return `cannot listen on ${this.listen} (${this.cause})`
  }
}
