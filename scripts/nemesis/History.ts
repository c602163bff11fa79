/**
 * What the clients of an episode asked for and were answered, and what of it the checkers look at.
 *
 * A call may touch several keys, as a transaction does; each key sees its own part of it, with the times
 * of the whole. That allows more than is right, never less: no verdict against a right history.
 */
import type { Operation } from "../../test/linearizability/History.ts"
import type * as KvModel from "../../test/linearizability/KvModel.ts"

/** Of one key, with what came of it. */
export interface Part {
  readonly input: KvModel.Input
  readonly output: KvModel.Output
}

export interface Answer {
  readonly parts: ReadonlyArray<Part>
  /** The revision that this call has taken, if it changed anything. */
  readonly taken?: number | undefined
  /** The store had this revision or a later one when it answered. */
  readonly seen?: number | undefined
  /** Why this answer alone is wrong, if it is. */
  readonly wrong?: string | undefined
}

export type End =
  | { readonly _tag: "Answered"; readonly at: number; readonly answer: Answer }
  /** It may have been applied, or may be later. */
  | { readonly _tag: "Unknown"; readonly reason: string }
  /** It is not applied and never will be; or it was a read. */
  | { readonly _tag: "Refused"; readonly reason: string }

export interface Call {
  readonly client: string
  /** What it may change. */
  readonly writes: ReadonlyArray<KvModel.Input>
  readonly isInSession: boolean
  readonly invokedAt: number
  readonly end: End
}

/** For the checker of single keys. */
export function operationsOf(
  calls: ReadonlyArray<Call>
): ReadonlyArray<Operation<KvModel.Input, KvModel.Output>> {
  type Operations = ReadonlyArray<Operation<KvModel.Input, KvModel.Output>>
  return calls.flatMap(({ client, end, invokedAt, writes }): Operations => {
    if (end._tag === "Refused") return []
    if (end._tag === "Unknown") {
      return writes.map((input) => ({ client, input, invokedAt, returned: undefined }))
    }
    const { answer, at } = end
    return answer.parts.map(({ input, output }) => ({
      ...{ client, input, invokedAt },
      returned: { at, output }
    }))
  })
}

export const answeredCount = (calls: ReadonlyArray<Call>): number =>
  calls.filter(({ end }) => end._tag === "Answered").length
