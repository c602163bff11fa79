/**
 * What a client asks for, and how its answer is noted: of each key what was done or seen, and what
 * revision the whole took.
 */
import * as Effect from "effect/Effect"
import type { Revision } from "../../src/domain/Ids.ts"
import type { Client } from "../../src/layers/RpcClientSocket.ts"
import type { TxnOptions } from "../../src/services/KvStore.ts"
import type * as KvModel from "../../test/linearizability/KvModel.ts"
import type { Answer, Part } from "./History.ts"

export type PutIf = Extract<KvModel.Input, { readonly _tag: "PutIf" }>

interface Failure {
  readonly _tag: string
  readonly message: string
}

/** What it takes to write: a client, or a session of one. */
export interface Writing {
  readonly put: (
    key: string,
    value: string
  ) => Effect.Effect<{ readonly revision: number }, Failure>
  readonly delete: (
    key: string
  ) => Effect.Effect<{ readonly revision: number; readonly deleted: boolean }, Failure>
  readonly txn: (txn: TxnOptions) => Effect.Effect<TxnDone, Failure>
}

type TxnDone = Effect.Success<ReturnType<Client["txn"]>>

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Only what the answer of a get tells. */
interface Stored {
  readonly value: Uint8Array
  readonly revision: number
}

const found = (key: string, stored: Stored | undefined): Part => ({
  input: { _tag: "Get", key },
  output:
    stored === undefined
      ? { _tag: "NotFound" }
      : { _tag: "Found", value: textOf(stored.value), revision: stored.revision }
})

const written = (key: string, value: string, revision: number): Part => ({
  input: { _tag: "Put", key, value },
  output: { _tag: "Written", revision }
})

export const put = (writing: Pick<Writing, "put">, key: string, value: string) =>
  Effect.map(
    writing.put(key, value),
    ({ revision }): Answer => ({ parts: [written(key, value, revision)], taken: revision })
  )

export const remove = (writing: Pick<Writing, "delete">, key: string) =>
  Effect.map(writing.delete(key), ({ deleted, revision }): Answer => {
    const input: KvModel.Input = { _tag: "Delete", key }
    const parts: ReadonlyArray<Part> = [{ input, output: { _tag: "Deleted", deleted, revision } }]
    return deleted ? { parts, taken: revision } : { parts, seen: revision }
  })

export const get = (client: Pick<Client, "get">, key: string) =>
  Effect.map(
    client.get(key),
    (stored): Answer => ({ parts: [found(key, stored)], seen: stored?.revision })
  )

/** All of these keys in one page; they have a prefix that no others have. */
export const scan = (client: Pick<Client, "range">, prefix: string, keys: ReadonlyArray<string>) =>
  Effect.map(
    client.range({ span: { _tag: "Prefix", prefix: bytesOf(prefix) }, limit: 1_000 }),
    ({ entries, revision }): Answer => {
      const byKey = new Map(entries.map((entry) => [textOf(entry.key), entry]))
      return { parts: keys.map((key) => found(key, byKey.get(key))), seen: revision }
    }
  )

/** Puts several keys at once. */
export const putAll = (
  writing: Pick<Writing, "txn">,
  pairs: ReadonlyArray<{ readonly key: string; readonly value: string }>
) =>
  Effect.map(
    writing.txn({ compares: [], onSuccess: pairs.map(putOf), onFailure: [] }),
    ({ revision }): Answer => ({
      parts: pairs.map(({ key, value }) => written(key, value, revision)),
      taken: revision
    })
  )

/** Puts the key if it is not there (revision 0), or as it was read at that revision; else reads it. */
export const putIf = (writing: Pick<Writing, "txn">, input: Omit<PutIf, "_tag">) => {
  const { revision } = input
  const key = bytesOf(input.key)
  const txn: TxnOptions = {
    compares: [
      revision === 0
        ? { _tag: "Exists", key, exists: false }
        : { _tag: "Revision", key, operator: "equal", revision: revision as Revision }
    ],
    onSuccess: [putOf(input)],
    onFailure: [getOf(input.key)]
  }
  return Effect.map(writing.txn(txn), (done): Answer => {
    const asked: PutIf = { ...input, _tag: "PutIf" }
    if (done.succeeded) {
      const output: KvModel.Output = { _tag: "Written", revision: done.revision }
      return { parts: [{ input: asked, output }], taken: done.revision }
    }
    const { output } = foundIn(done, input.key)
    return { parts: [{ input: asked, output }], seen: done.revision }
  })
}

/**
 * Replaces what this client alone has written there. If the write was done before, by an attempt of the
 * same call, what it replaces is not there any more: so this answer tells exactly once from twice.
 */
export const advance = (
  writing: Pick<Writing, "txn">,
  key: string,
  { from, to }: { readonly from: string | undefined; readonly to: string }
) => {
  const txn: TxnOptions = {
    compares: [
      from === undefined
        ? { _tag: "Exists", key: bytesOf(key), exists: false }
        : { _tag: "Value", key: bytesOf(key), operator: "equal", value: bytesOf(from) }
    ],
    onSuccess: [putOf({ key, value: to })],
    onFailure: [getOf(key)]
  }
  return Effect.map(writing.txn(txn), (done): Answer => {
    if (done.succeeded) {
      return { parts: [written(key, to, done.revision)], taken: done.revision }
    }
    const part = foundIn(done, key)
    const there = part.output._tag === "Found" ? part.output.value : "nothing"
    const wrong = `only this client writes ${key}, where ${from ?? "nothing"} must have been; it was ${there} when ${to} was to follow`
    return { parts: [part], seen: done.revision, wrong }
  })
}

const putOf = ({ key, value }: { readonly key: string; readonly value: string }) =>
  ({ _tag: "Put", key: bytesOf(key), value: bytesOf(value) }) as const
const getOf = (key: string) => ({ _tag: "Get", key: bytesOf(key) }) as const

const foundIn = ({ results: [result] }: TxnDone, key: string): Part =>
  found(key, result?._tag === "Found" ? result.found : undefined)
