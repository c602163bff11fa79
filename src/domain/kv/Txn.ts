/**
 * A transaction of the KV state machine: compares, and what to do if all hold or if one does not
 * (SPEC §7). Its shape stands in `Command.ts`.
 *
 * A key occurs at most once in a branch, so the order of its operations cannot matter; branches are
 * counted apart. What must never happen here: a bound that {@link refusalOf} and {@link read} do not
 * share. Proof: `Command.test.ts`.
 */
import { asBuffer, type ByteReader } from "../bytes/ByteReader.ts"
import type { ByteWriter } from "../bytes/ByteWriter.ts"
import type { Revision } from "../Ids.ts"
import * as Limits from "../Limits.ts"
import * as Errors from "./Errors.ts"

/** How a compare relates what is stored to what it names. */
export type Operator = "equal" | "notEqual" | "less" | "greater"

/** A condition on one key. A key that is not there has revision 0 and equals no value. */
export type Compare =
  | { readonly _tag: "Exists"; readonly key: Uint8Array; readonly exists: boolean }
  /** With the revision of the last request that wrote the key. */
  | {
      readonly _tag: "Revision"
      readonly key: Uint8Array
      readonly operator: Operator
      readonly revision: Revision
    }
  /** As unsigned bytes, a prefix before what it begins. */
  | {
      readonly _tag: "Value"
      readonly key: Uint8Array
      readonly operator: Operator
      readonly value: Uint8Array
    }

/** What a branch may do; ranges are requests of their own. */
export type Operation =
  | { readonly _tag: "Put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly _tag: "Delete"; readonly key: Uint8Array }
  | { readonly _tag: "Get"; readonly key: Uint8Array }

/** Compares, then one of two branches, as one request with one revision. */
export interface Txn {
  readonly _tag: "Txn"
  /** All must hold; none holds trivially. At most 128, like each branch. */
  readonly compares: ReadonlyArray<Compare>
  readonly onSuccess: ReadonlyArray<Operation>
  readonly onFailure: ReadonlyArray<Operation>
}

type PartRefusal =
  | Errors.KeyEmpty
  | Errors.KeyTooLarge
  | Errors.ValueTooLarge
  | Errors.TooManyOperations
  | Errors.KeyRepeated
  | Errors.RevisionOutOfRange

const operators = ["equal", "notEqual", "less", "greater"] as const
const compareTags = { Exists: 1, Revision: 2, Value: 3 } as const
const operationTags = { Put: 1, Delete: 2, Get: 3 } as const

/** A compare on existence, and a delete or get, of one byte of key. */
const compareBytesMin = 5
const operationBytesMin = 4

/** Do both branches only read? */
export const isReadOnly = ({ onFailure, onSuccess }: Txn): boolean =>
  [...onSuccess, ...onFailure].every(({ _tag }) => _tag === "Get")

/** Bytes of the values that it may answer. */
export const answerBytesMax = ({ onFailure, onSuccess }: Txn): number => {
  const gets = (branch: ReadonlyArray<Operation>) =>
    branch.filter(({ _tag }) => _tag === "Get").length
  const values = Math.max(gets(onSuccess), gets(onFailure))
  return Math.min(values * Limits.valueBytesMax, Limits.answerBytesMax)
}

/** Bytes that {@link write} writes. */
export function bytesOf({ compares, onFailure, onSuccess }: Txn): number {
  let bytes = 3
  for (const compare of compares) bytes += compareBytesOf(compare)
  for (const operation of onSuccess) bytes += operationBytesOf(operation)
  for (const operation of onFailure) bytes += operationBytesOf(operation)
  return bytes
}

/** Writes the transaction, the tag of the request excluded. */
export function write(writer: ByteWriter, { compares, onFailure, onSuccess }: Txn): void {
  writer.u8(compares.length)
  for (const compare of compares) writeCompare(writer, compare)
  writer.u8(onSuccess.length)
  for (const operation of onSuccess) writeOperation(writer, operation)
  writer.u8(onFailure.length)
  for (const operation of onFailure) writeOperation(writer, operation)
}

/** Reads what {@link write} writes; keys and values are views. */
export function read(reader: ByteReader): Txn {
  const compares: Array<Compare> = []
  const compareCount = readCount(reader, compareBytesMin)
  for (let count = 0; count < compareCount && !reader.isRefused; count++) {
    compares.push(readCompare(reader))
  }
  const onSuccess = readBranch(reader)
  const onFailure = readBranch(reader)
  return { _tag: "Txn", compares, onSuccess, onFailure }
}

/** What is beyond the limits, if anything. */
export function refusalOf({ compares, onFailure, onSuccess }: Txn): PartRefusal | undefined {
  const countMax = Limits.transactionOperationsMax
  for (const { length: count } of [compares, onSuccess, onFailure]) {
    if (count > countMax) return new Errors.TooManyOperations({ count, countMax })
  }
  for (const part of [...compares, ...onSuccess, ...onFailure]) {
    const refusal = keyRefusalOf(part.key) ?? partRefusalOf(part)
    if (refusal !== undefined) return refusal
  }
  return hasRepeatedKey(onSuccess) || hasRepeatedKey(onFailure)
    ? new Errors.KeyRepeated({})
    : undefined
}

function partRefusalOf(part: Compare | Operation): PartRefusal | undefined {
  if ("value" in part) return valueRefusalOf(part.value)
  return part._tag === "Revision" ? revisionRefusalOf(part.revision) : undefined
}

/** A type does not keep an embedder from naming another number. */
function revisionRefusalOf(revision: number): Errors.RevisionOutOfRange | undefined {
  const { revisionMax } = Limits
  const isRevision = Number.isInteger(revision) && revision >= 0 && revision <= revisionMax
  return isRevision ? undefined : new Errors.RevisionOutOfRange({ revision, revisionMax })
}

/** What is wrong with a key, if anything. */
export function keyRefusalOf(key: Uint8Array): Errors.KeyEmpty | Errors.KeyTooLarge | undefined {
  if (key.length === 0) return new Errors.KeyEmpty({})
  const bytesMax = Limits.keyBytesMax
  return key.length > bytesMax ? new Errors.KeyTooLarge({ bytes: key.length, bytesMax }) : undefined
}

/** What is wrong with a value, if anything. */
export const valueRefusalOf = (value: Uint8Array): Errors.ValueTooLarge | undefined =>
  value.length > Limits.valueBytesMax
    ? new Errors.ValueTooLarge({ bytes: value.length, bytesMax: Limits.valueBytesMax })
    : undefined

function compareBytesOf(compare: Compare): number {
  const bytes = 3 + compare.key.length
  switch (compare._tag) {
    case "Exists":
      return bytes + 1
    case "Revision":
      return bytes + 9
    case "Value":
      return bytes + 5 + compare.value.length
  }
}

function writeCompare(writer: ByteWriter, compare: Compare): void {
  writer.u16(compare.key.length).bytes(compare.key).u8(compareTags[compare._tag])
  switch (compare._tag) {
    case "Exists":
      writer.u8(compare.exists ? 1 : 0)
      return
    case "Revision":
      writer.u8(operators.indexOf(compare.operator) + 1).u64(compare.revision)
      return
    case "Value":
      writer.u8(operators.indexOf(compare.operator) + 1)
      writer.u32(compare.value.length).bytes(compare.value)
  }
}

function readCompare(reader: ByteReader): Compare {
  const key = readKey(reader)
  switch (reader.choice(compareTags.Exists, compareTags.Value, "unknownTag")) {
    case compareTags.Revision: {
      const operator = readOperator(reader)
      const revision = reader.within("u64", 0, Limits.revisionMax) as Revision
      return { _tag: "Revision", key, operator, revision }
    }
    case compareTags.Value:
      return { _tag: "Value", key, operator: readOperator(reader), value: readValue(reader) }
    default:
      return { _tag: "Exists", key, exists: reader.within("u8", 0, 1) === 1 }
  }
}

const readOperator = (reader: ByteReader): Operator =>
  operators[reader.choice(1, operators.length, "unknownTag") - 1] ?? "equal"

const operationBytesOf = (operation: Operation): number =>
  3 + operation.key.length + (operation._tag === "Put" ? 4 + operation.value.length : 0)

function writeOperation(writer: ByteWriter, operation: Operation): void {
  writer.u8(operationTags[operation._tag]).u16(operation.key.length).bytes(operation.key)
  if (operation._tag === "Put") writer.u32(operation.value.length).bytes(operation.value)
}

function readBranch(reader: ByteReader): ReadonlyArray<Operation> {
  const operations: Array<Operation> = []
  const count = readCount(reader, operationBytesMin)
  for (let read = 0; read < count && !reader.isRefused; read++) {
    operations.push(readOperation(reader))
  }
  if (hasRepeatedKey(operations)) reader.refuse("repeated")
  return operations
}

function readOperation(reader: ByteReader): Operation {
  const tag = reader.choice(operationTags.Put, operationTags.Get, "unknownTag")
  const key = readKey(reader)
  if (tag === operationTags.Put) return { _tag: "Put", key, value: readValue(reader) }
  return { _tag: tag === operationTags.Delete ? "Delete" : "Get", key }
}

function readCount(reader: ByteReader, itemBytesMin: number): number {
  if (reader.peekU8() > Limits.transactionOperationsMax) reader.refuse("outOfRange")
  return reader.count("u8", itemBytesMin)
}

const readKey = (reader: ByteReader): Buffer => reader.block("u16", 1, Limits.keyBytesMax)

const readValue = (reader: ByteReader): Buffer => reader.block("u32", 0, Limits.valueBytesMax)

function hasRepeatedKey(operations: ReadonlyArray<Operation>): boolean {
  if (operations.length < 2) return false
  return (
    new Set(operations.map(({ key }) => asBuffer(key).toString("latin1"))).size < operations.length
  )
}
