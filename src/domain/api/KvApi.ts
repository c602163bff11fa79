/** The KV store's RPC contract: what clients import (SPEC §7). Binary keys and values. */

import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import { Revision } from "../Ids.ts"
import * as Kv from "../kv/Errors.ts"
import { SessionId } from "../log/Request.ts"
import {
  SequenceForgotten,
  SequenceOutOfRange,
  SessionUnknown,
  TooManySessions
} from "../session/Errors.ts"
import { proposeFailures } from "./ProposeFailures.ts"

const keyRefusals = [Kv.KeyEmpty, Kv.KeyTooLarge] as const

/** Which write of which session it is, if it may be repeated (SPEC §7). */
const session = Schema.optionalKey(
  Schema.Struct({
    sessionId: SessionId,
    sequence: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))
  })
)

/** Why a deletion is refused or its outcome is not known. */
export const DeleteFailure = Schema.Union([
  ...proposeFailures,
  ...keyRefusals,
  SessionUnknown,
  SequenceForgotten,
  SequenceOutOfRange
])

/** The same, of what brings a value. */
export const WriteFailure = Schema.Union([DeleteFailure, Kv.ValueTooLarge])

export const ReadFailure = Schema.Union([...proposeFailures, ...keyRefusals, Kv.ValueCorrupted])

export const RangeFailure = Schema.Union([ReadFailure, Kv.RangeLimitOutOfRange])

export const TxnFailure = Schema.Union([
  WriteFailure,
  Kv.TooManyOperations,
  Kv.KeyRepeated,
  Kv.RevisionOutOfRange,
  Kv.RequestTooLarge,
  Kv.TxnReadTooLarge,
  Kv.ValueCorrupted
])

export const FoundValue = Schema.Struct({
  value: Schema.Uint8Array,
  revision: Revision,
  createRevision: Revision
})

/** One entry of a range. */
export const FoundEntry = Schema.Struct({ key: Schema.Uint8Array, ...FoundValue.fields })

/** Without `until`: to the end of all keys. */
export const Span = Schema.Union([
  Schema.TaggedStruct("Between", {
    from: Schema.Uint8Array,
    until: Schema.UndefinedOr(Schema.Uint8Array)
  }),
  Schema.TaggedStruct("Prefix", { prefix: Schema.Uint8Array })
])

const Operator = Schema.Literals(["equal", "notEqual", "less", "greater"])

export const Compare = Schema.Union([
  Schema.TaggedStruct("Exists", { key: Schema.Uint8Array, exists: Schema.Boolean }),
  Schema.TaggedStruct("Revision", {
    key: Schema.Uint8Array,
    operator: Operator,
    revision: Revision
  }),
  Schema.TaggedStruct("Value", {
    key: Schema.Uint8Array,
    operator: Operator,
    value: Schema.Uint8Array
  })
])

export const Operation = Schema.Union([
  Schema.TaggedStruct("Put", { key: Schema.Uint8Array, value: Schema.Uint8Array }),
  Schema.TaggedStruct("Delete", { key: Schema.Uint8Array }),
  Schema.TaggedStruct("Get", { key: Schema.Uint8Array })
])

/** What became of one operation of a transaction. */
export const OperationResult = Schema.Union([
  Schema.TaggedStruct("Written", { revision: Revision }),
  Schema.TaggedStruct("Deleted", { revision: Revision, deleted: Schema.Boolean }),
  Schema.TaggedStruct("Found", { found: FoundValue }),
  Schema.TaggedStruct("NotFound", {})
])

export class KvApi extends RpcGroup.make(
  Rpc.make("KvPut", {
    payload: { key: Schema.Uint8Array, value: Schema.Uint8Array, session },
    success: Schema.Struct({ revision: Revision }),
    error: WriteFailure
  }),
  Rpc.make("KvDelete", {
    payload: { key: Schema.Uint8Array, session },
    success: Schema.Struct({ revision: Revision, deleted: Schema.Boolean }),
    error: DeleteFailure
  }),
  Rpc.make("KvGet", {
    payload: { key: Schema.Uint8Array, stale: Schema.Boolean },
    /** `found` is absent if there is no such key. */
    success: Schema.Struct({ found: Schema.optionalKey(FoundValue) }),
    error: ReadFailure
  }),
  Rpc.make("KvRange", {
    payload: {
      span: Span,
      limit: Schema.Int,
      continuation: Schema.optionalKey(Schema.Uint8Array),
      stale: Schema.Boolean
    },
    /** `continuation` is absent if that was all. */
    success: Schema.Struct({
      entries: Schema.Array(FoundEntry),
      revision: Revision,
      continuation: Schema.optionalKey(Schema.Uint8Array)
    }),
    error: RangeFailure
  }),
  Rpc.make("KvTxn", {
    payload: {
      compares: Schema.Array(Compare),
      onSuccess: Schema.Array(Operation),
      onFailure: Schema.Array(Operation),
      session
    },
    success: Schema.Struct({
      succeeded: Schema.Boolean,
      revision: Revision,
      results: Schema.Array(OperationResult)
    }),
    error: TxnFailure
  }),
  Rpc.make("KvOpenSession", {
    payload: { sessionId: SessionId },
    error: Schema.Union([...proposeFailures, TooManySessions])
  })
) {}
