/** The KV store's RPC contract: what clients import (SPEC §7). Binary keys and values. */

import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import { Revision } from "../Ids.ts"
import * as Kv from "../kv/Errors.ts"
import { proposeFailures } from "./ProposeFailures.ts"

/** Why a write is refused or its outcome is not known. */
export const WriteFailure = Schema.Union([
  ...proposeFailures,
  Kv.KeyEmpty,
  Kv.KeyTooLarge,
  Kv.ValueTooLarge
])

export const ReadFailure = Schema.Union([WriteFailure, Kv.ValueCorrupted])

export const FoundValue = Schema.Struct({
  value: Schema.Uint8Array,
  revision: Revision,
  createRevision: Revision
})

export class KvApi extends RpcGroup.make(
  Rpc.make("KvPut", {
    payload: { key: Schema.Uint8Array, value: Schema.Uint8Array },
    success: Schema.Struct({ revision: Revision }),
    error: WriteFailure
  }),
  Rpc.make("KvDelete", {
    payload: { key: Schema.Uint8Array },
    success: Schema.Struct({ revision: Revision, deleted: Schema.Boolean }),
    error: WriteFailure
  }),
  Rpc.make("KvGet", {
    payload: { key: Schema.Uint8Array, stale: Schema.Boolean },
    /** `found` is absent if there is no such key. */
    success: Schema.Struct({ found: Schema.optionalKey(FoundValue) }),
    error: ReadFailure
  })
) {}
