/** The usual decoder of the domain, as the fuzzer runs it: a Result out, and an encoder beside it. */
import * as Result from "effect/Result"
import type { GroupId } from "../../../src/domain/Ids.ts"
import * as Record from "../../../src/domain/log/Record.ts"
import { type Decoder, refused } from "../Decoder.ts"

interface Codec<A, E> extends Omit<Decoder, "run"> {
  readonly decode: (bytes: Uint8Array) => Result.Result<A, E>
  /** Absent if one value has several spellings. */
  readonly encode?: (value: A, input: Uint8Array) => Uint8Array
}

export function codec<A, E>({ decode, encode, ...decoder }: Codec<A, E>): Decoder {
  return {
    ...decoder,
    run: (bytes) => {
      const result = decode(bytes)
      if (Result.isFailure(result)) return refused(result.failure)
      const value = result.success
      return { _tag: "Accepted", kind: kindOf(value), spelling: encode?.(value, bytes) }
    }
  }
}

/** The tag and which fields are there, so that rare shapes are kept. */
function kindOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return typeof value
  if (Array.isArray(value))
    return `${Math.min(4, value.length)}:${value.map(tagOf).join(",")}`.slice(0, 60)
  return Object.entries(value)
    .map(([name, field]) => `${name}=${shapeOf(field)}`)
    .join(" ")
    .slice(0, 200)
}

const tagOf = (value: unknown): string => String(Object(value)._tag ?? "")

function shapeOf(field: unknown): string {
  if (typeof field === "string") return field.length < 24 ? field : "text"
  if (field instanceof Uint8Array) return field.length === 0 ? "empty" : "bytes"
  if (Array.isArray(field)) return `${Math.min(3, field.length)}${field.slice(0, 2).map(tagOf)}`
  if (field instanceof Map) return `${Math.min(3, field.size)}`
  return field === undefined || typeof field === "boolean" ? String(field) : typeof field
}

export const groupId = 0 as GroupId

/** The body in a record with the right checksum. */
export const sealedAs =
  (label: string) =>
  (body: Uint8Array): Uint8Array =>
    Record.encode({ label, groupId }, body)

/** The body of a record. */
export const bodyOf = (record: Uint8Array): Uint8Array =>
  record.subarray(0, record.length - Record.checksumBytes)

export interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Rows as one input: `keyLength(1) ‖ key ‖ valueLength(2) ‖ value` each; what is cut short is cut. */
export function rowsOf(input: Uint8Array): ReadonlyArray<Row> {
  const rows: Array<Row> = []
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  for (let at = 0; at < bytes.length; ) {
    const key = bytes.subarray(at + 1, at + 1 + bytes[at]!)
    const valueAt = at + 1 + key.length
    const length = valueAt + 2 <= bytes.length ? bytes.readUInt16BE(valueAt) : 0
    rows.push({ key, value: bytes.subarray(valueAt + 2, valueAt + 2 + length) })
    at = valueAt + 2 + length
  }
  return rows
}

/** The rows as a table has them: ascending, each key once. */
export function tableOf(input: Uint8Array): ReadonlyArray<Row> {
  const rows = new Map(rowsOf(input).map((row) => [Buffer.from(row.key).toString("hex"), row]))
  return [...rows.values()].sort((a, b) => Buffer.compare(a.key, b.key))
}

/** What {@link rowsOf} reads. */
export const inputOf = (rows: ReadonlyArray<Row>): Buffer =>
  Buffer.concat(
    rows.flatMap(({ key, value }) => {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(value.length)
      return [Buffer.of(key.length), key, length, value]
    })
  )

/** Makes the checksum of every row right. */
export const sealedRows =
  (table: string) =>
  (input: Uint8Array): Uint8Array =>
    inputOf(
      rowsOf(input).map(({ key, value }) => ({
        key,
        value: sealedAs(`${table}/${Buffer.from(key).toString("hex")}`)(value).subarray(0, 0xffff)
      }))
    )

/** The rows of a table with bodies for values: a seed. */
export const seedOf = (rows: ReadonlyArray<Row>): Buffer =>
  inputOf(rows.map(({ key, value }) => ({ key, value: bodyOf(value) })))
