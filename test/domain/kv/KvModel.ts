/**
 * What KV requests mean, by a map and nothing else: slow, obvious, and written apart from the machine.
 * Keys and values are strings of one character per byte. And requests drawn from a seed.
 */
import type { Revision } from "../../../src/domain/Ids.ts"
import type * as Command from "../../../src/domain/kv/Command.ts"
import type * as KvResult from "../../../src/domain/kv/Result.ts"
import type { Span } from "../../../src/domain/kv/Span.ts"
import type { Compare, Operation, Operator } from "../../../src/domain/kv/Txn.ts"
import type { SeededNumbers } from "../../support/SeededNumbers.ts"

interface Stored {
  readonly value: string
  readonly revision: number
  readonly createRevision: number
}

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1")
const bytesOf = (text: string) => Buffer.from(text, "latin1")

export class KvModel {
  private stored = new Map<string, Stored>()
  revision = 0

  /** Answers in the machine's words. Everything is judged on the state as it was before. */
  apply(command: Command.Command): KvResult.KvResult {
    const before = new Map(this.stored)
    switch (command._tag) {
      case "Get":
        return this.get(before, command)
      case "Range":
        return this.range(command)
      case "Put":
      case "Delete": {
        const [result] = this.all([command])
        return result!
      }
      case "Txn": {
        const succeeded = command.compares.every((compare) => isTrue(compare, before))
        const results = this.all(succeeded ? command.onSuccess : command.onFailure)
        return { _tag: "TxnDone", succeeded, revision: this.revision as Revision, results }
      }
    }
  }

  keys(): ReadonlyArray<string> {
    return [...this.stored.keys()].sort()
  }

  private all(operations: ReadonlyArray<Operation>): ReadonlyArray<KvResult.KeyResult> {
    const before = new Map(this.stored)
    const changes = operations.some(
      ({ _tag, key }) => _tag === "Put" || (_tag === "Delete" && before.has(textOf(key)))
    )
    if (changes) this.revision += 1
    const revision = this.revision as Revision
    return operations.map((operation) => {
      const key = textOf(operation.key)
      if (operation._tag === "Get") return this.get(before, operation)
      if (operation._tag === "Delete") {
        return { _tag: "Deleted", revision, deleted: this.stored.delete(key) }
      }
      const createRevision = before.get(key)?.createRevision ?? revision
      this.stored.set(key, { value: textOf(operation.value), revision, createRevision })
      return { _tag: "Written", revision }
    })
  }

  private get(
    stored: ReadonlyMap<string, Stored>,
    { key }: { readonly key: Uint8Array }
  ): KvResult.KeyResult {
    const found = stored.get(textOf(key))
    return found === undefined ? { _tag: "NotFound" } : { _tag: "Found", found: inBytes(found) }
  }

  private range({ continuation, limit, span }: Command.Range): KvResult.Entries {
    const left = this.keys().filter(
      (key) => isIn(span, key) && (continuation === undefined || key > textOf(continuation))
    )
    const entries = left.slice(0, limit).map((key) => {
      return { key: bytesOf(key), ...inBytes(this.stored.get(key)!) }
    })
    const isComplete = left.length <= limit
    return { _tag: "Entries", revision: this.revision as Revision, isComplete, entries }
  }
}

const inBytes = ({ createRevision, revision, value }: Stored) => ({
  value: bytesOf(value),
  revision: revision as Revision,
  createRevision: createRevision as Revision
})

const isIn = (span: Span, key: string): boolean => {
  if (span._tag === "Prefix") return key.startsWith(textOf(span.prefix))
  const until = textOf(span.until ?? Buffer.alloc(0))
  return key >= textOf(span.from) && (until === "" || key < until)
}

const relations: Record<Operator, (a: number | string, b: number | string) => boolean> = {
  equal: (a, b) => a === b,
  notEqual: (a, b) => a !== b,
  less: (a, b) => a < b,
  greater: (a, b) => a > b
}

function isTrue(compare: Compare, stored: ReadonlyMap<string, Stored>): boolean {
  const found = stored.get(textOf(compare.key))
  if (compare._tag === "Exists") return compare.exists ? found !== undefined : found === undefined
  const relation = relations[compare.operator]
  if (compare._tag === "Revision") return relation(found?.revision ?? 0, compare.revision)
  if (found === undefined) return compare.operator === "notEqual"
  return relation(found.value, textOf(compare.value))
}

/** Requests on few keys, of bytes at the edges of their order, so that they meet. */
export function drawCommand({ below }: SeededNumbers, revision: number): Command.Command {
  const bytes = (lengthMax: number) =>
    Buffer.from(
      Array.from({ length: below(lengthMax + 1) }, () => [0, 0x61, 0xfe, 0xff][below(4)]!)
    )
  const key = () => {
    const drawn = bytes(2)
    return drawn.length === 0 ? Buffer.of(0x61) : drawn
  }
  const operation = (): Operation => {
    const tag = (["Put", "Delete", "Get"] as const)[below(3)]!
    return tag === "Put" ? { _tag: tag, key: key(), value: bytes(2) } : { _tag: tag, key: key() }
  }
  const branch = () => {
    const operations = Array.from({ length: below(5) }, operation)
    return [...new Map(operations.map((each) => [textOf(each.key), each])).values()]
  }
  const compare = (): Compare => {
    const operator = (["equal", "notEqual", "less", "greater"] as const)[below(4)]!
    const named = Math.max(0, revision - below(6)) as Revision
    const compares: ReadonlyArray<Compare> = [
      { _tag: "Exists", key: key(), exists: below(2) === 0 },
      { _tag: "Revision", key: key(), operator, revision: named },
      { _tag: "Value", key: key(), operator, value: bytes(1) }
    ]
    return compares[below(3)]!
  }
  const span = (): Span =>
    below(2) === 0
      ? { _tag: "Prefix", prefix: bytes(2) }
      : { _tag: "Between", from: bytes(2), until: below(3) === 0 ? undefined : key() }
  const kind = below(5)
  if (kind === 0) {
    const continuation = below(2) === 0 ? undefined : key()
    return { _tag: "Range", span: span(), limit: 1 + below(6), continuation }
  }
  if (kind > 2) return operation()
  const compares = Array.from({ length: below(3) }, compare)
  return { _tag: "Txn", compares, onSuccess: branch(), onFailure: branch() }
}
