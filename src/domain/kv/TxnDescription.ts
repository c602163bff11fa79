/**
 * A transaction as people and scripts write it: one JSON object, which `kv txn` reads (SPEC §7).
 *
 * Nothing is guessed: an unknown name, two of what there is one of, or a missing part is refused with
 * its path, and without the keys and values that were given. Proof: `TxnDescription.test.ts`.
 *
 * Shape: `{"compare":[…],"then":[…],"else":[…]}`, each list may be left out. A compare is a key and one
 * of `"exists":true|false`, `"revision":{OPERATOR:number}`, `"value":{OPERATOR:text}` and
 * `"valueBase64":{OPERATOR:base64}`; OPERATOR is `equal`, `notEqual`, `less` or `greater`. An operation
 * is one of `{"put":{key, value}}`, `{"delete":{key}}` and `{"get":{key}}`. A key is `"key":text` or
 * `"keyBase64":base64`, a value `"value":text` or `"valueBase64":base64`.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { Revision } from "../Ids.ts"
import { TxnDescriptionInvalid } from "./Errors.ts"
import type { Compare, Operation, Operator, Txn } from "./Txn.ts"

/** One of these properties, and one only. */
const oneOf = <Name extends string>(...names: ReadonlyArray<Name>) =>
  Schema.makeFilter(
    (given: { readonly [name in Name]?: unknown }) =>
      names.filter((name) => given[name] !== undefined).length === 1 ||
      `Expected exactly one of ${names.join(", ")}`
  )

const Text = Schema.optionalKey(Schema.String)
const Base64 = Schema.optionalKey(Schema.Uint8ArrayFromBase64)

const keyFields = { key: Text, keyBase64: Base64 }
const hasKey = oneOf("key", "keyBase64")

const OnKey = Schema.Struct(keyFields).check(hasKey)
const WithValue = Schema.Struct({ ...keyFields, value: Text, valueBase64: Base64 }).check(
  hasKey,
  oneOf("value", "valueBase64")
)

const Relation = <S extends Schema.Top>(operand: S) =>
  Schema.Struct({
    equal: Schema.optionalKey(operand),
    notEqual: Schema.optionalKey(operand),
    less: Schema.optionalKey(operand),
    greater: Schema.optionalKey(operand)
  }).check(oneOf("equal", "notEqual", "less", "greater"))

const DescribedCompare = Schema.Struct({
  ...keyFields,
  exists: Schema.optionalKey(Schema.Boolean),
  revision: Schema.optionalKey(Relation(Revision)),
  value: Schema.optionalKey(Relation(Schema.String)),
  valueBase64: Schema.optionalKey(Relation(Schema.Uint8ArrayFromBase64))
}).check(hasKey, oneOf("exists", "revision", "value", "valueBase64"))

const DescribedOperation = Schema.Struct({
  put: Schema.optionalKey(WithValue),
  delete: Schema.optionalKey(OnKey),
  get: Schema.optionalKey(OnKey)
}).check(oneOf("put", "delete", "get"))

const Description = Schema.Struct({
  compare: Schema.optionalKey(Schema.Array(DescribedCompare)),
  // biome-ignore lint/suspicious/noThenProperty: the word of the format; nothing awaits this object
  then: Schema.optionalKey(Schema.Array(DescribedOperation)),
  else: Schema.optionalKey(Schema.Array(DescribedOperation))
})

const decodeJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))
const decode = Schema.decodeUnknownResult(Description, { onExcessProperty: "error" })

/** Its limits are checked where every transaction's are. */
export function parse(json: string): Result.Result<Txn, TxnDescriptionInvalid> {
  const content = decodeJson(json)
  if (Result.isFailure(content)) {
    return Result.fail(new TxnDescriptionInvalid({ path: "its beginning", reason: "not JSON" }))
  }
  const described = decode(content.success)
  if (Result.isFailure(described)) return Result.fail(invalid(described.failure.issue))
  const { compare = [], then: onSuccess = [], else: onFailure = [] } = described.success
  return Result.succeed({
    _tag: "Txn",
    compares: compare.map(compareOf),
    onSuccess: onSuccess.map(operationOf),
    onFailure: onFailure.map(operationOf)
  })
}

/** Names what was expected and never what was given, which may be a secret. */
const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

function invalid(issue: SchemaIssue.Issue): TxnDescriptionInvalid {
  const [first] = issuesOf(issue).issues
  const steps = (first?.path ?? []).map((step) => String(step))
  const path = steps.map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${step}`)).join("")
  const reason = first?.message ?? "not a transaction"
  return new TxnDescriptionInvalid({ path: path.replace(/^\./, "") || "its top level", reason })
}

const bytesOf = (text: string | undefined, bytes: Uint8Array | undefined): Uint8Array =>
  bytes ?? new TextEncoder().encode(text)

function compareOf(described: typeof DescribedCompare.Type): Compare {
  const key = bytesOf(described.key, described.keyBase64)
  const { exists, revision, value, valueBase64 } = described
  if (exists !== undefined) return { _tag: "Exists", key, exists }
  if (revision !== undefined) {
    const [operator, operand] = relationOf(revision)
    return { _tag: "Revision", key, operator, revision: operand }
  }
  const [operator, operand] = relationOf<string | Uint8Array>(value ?? valueBase64 ?? {})
  const bytes = typeof operand === "string" ? new TextEncoder().encode(operand) : operand
  return { _tag: "Value", key, operator, value: bytes }
}

/** There is exactly one. */
const relationOf = <A>(relation: { readonly [operator in Operator]?: A }) =>
  Object.entries(relation)[0] as [Operator, A]

function operationOf(described: typeof DescribedOperation.Type): Operation {
  const { delete: deletion, get, put } = described
  const { key, keyBase64 } = put ?? deletion ?? get ?? {}
  const on = bytesOf(key, keyBase64)
  if (put !== undefined) {
    return { _tag: "Put", key: on, value: bytesOf(put.value, put.valueBase64) }
  }
  return { _tag: deletion === undefined ? "Get" : "Delete", key: on }
}
