/**
 * Where this node listens for its peers; `undefined` if it has none and can have none.
 *
 * Known once the state is loaded: a member's address is in the state.
 */
import * as Context from "effect/Context"
import type { Endpoint } from "../domain/api/Endpoint.ts"

export class PeerAddress extends Context.Service<
  PeerAddress,
  { readonly address: Endpoint | undefined }
>()("sealog/PeerAddress") {}
