/** The objects of the three models as plain mutable things, for `RandomHistory`. */
import type { SeededNumbers } from "../support/SeededNumbers.ts"
import type * as AppendModel from "./AppendModel.ts"
import type * as KvModel from "./KvModel.ts"
import type { RandomObject } from "./RandomHistory.ts"
import type * as RegisterModel from "./RegisterModel.ts"

/** One of these, each as likely. */
const one = <A>(numbers: SeededNumbers, choices: ReadonlyArray<() => A>): A =>
  choices[numbers.below(choices.length)]!()

export const register: RandomObject<RegisterModel.Input, RegisterModel.Output> = {
  input: (numbers) =>
    one<RegisterModel.Input>(numbers, [
      () => ({ _tag: "Read" }),
      () => ({ _tag: "Write", value: numbers.below(3) }),
      () => ({
        _tag: "CompareAndSet",
        expected: numbers.below(3),
        value: numbers.below(3)
      })
    ]),
  make: () => {
    let value: number | undefined
    return (input) => {
      if (input._tag === "Read") return { _tag: "Value", value }
      if (input._tag === "Write") {
        value = input.value
        return { _tag: "Written" }
      }
      const isSet = value === input.expected
      if (isSet) value = input.value
      return { _tag: "Compared", isSet }
    }
  },
  lie: (numbers, input) => {
    if (input._tag === "Write") return { _tag: "Written" }
    if (input._tag === "CompareAndSet") return { _tag: "Compared", isSet: numbers.below(2) === 0 }
    return { _tag: "Value", value: one(numbers, [() => undefined, () => numbers.below(3)]) }
  }
}

export const texts = (
  keys: ReadonlyArray<string>
): RandomObject<AppendModel.Input, AppendModel.Output> => ({
  input: (numbers) => {
    const key = keys[numbers.below(keys.length)]!
    const value = "ab"[numbers.below(2)]!
    return one<AppendModel.Input>(numbers, [
      () => ({ _tag: "Get", key }),
      () => ({ _tag: "Append", key, value }),
      () => ({ _tag: "Put", key, value })
    ])
  },
  make: () => {
    const store = new Map<string, string>()
    return (input) => {
      const text = store.get(input.key) ?? ""
      if (input._tag === "Get") return { _tag: "Value", value: text }
      store.set(input.key, input._tag === "Put" ? input.value : text + input.value)
      return { _tag: "Done" }
    }
  },
  lie: (numbers, input) =>
    input._tag === "Get"
      ? { _tag: "Value", value: one(numbers, [() => "", () => "a", () => "ba", () => "b"]) }
      : { _tag: "Done" }
})

/** Some answers leave the revision out. Other keys take revisions between those of these. */
export const kv = (keys: ReadonlyArray<string>): RandomObject<KvModel.Input, KvModel.Output> => ({
  input: (numbers) => {
    const key = keys[numbers.below(keys.length)]!
    return one<KvModel.Input>(numbers, [
      () => ({ _tag: "Get", key }),
      () => ({ _tag: "Get", key }),
      () => ({ _tag: "Put", key, value: "ab"[numbers.below(2)]! }),
      () => ({ _tag: "PutIf", key, value: "ab"[numbers.below(2)]!, revision: numbers.below(4) }),
      () => ({ _tag: "Delete", key })
    ])
  },
  make: () => {
    const store = new Map<string, { readonly value: string; readonly revision: number }>()
    let revision = 0
    let answers = 0
    return (input) => {
      answers += 1
      const told = (value: number) => (answers % 4 === 0 ? undefined : value)
      const found = store.get(input.key)
      const isMet = input._tag === "PutIf" && input.revision === (found?.revision ?? 0)
      if (input._tag === "Get" || (input._tag === "PutIf" && !isMet)) {
        if (found === undefined) return { _tag: "NotFound" }
        return { _tag: "Found", value: found.value, revision: told(found.revision) }
      }
      if (input._tag !== "Delete") {
        revision += 1
        store.set(input.key, { value: input.value, revision })
        return { _tag: "Written", revision: told(revision) }
      }
      const deleted = store.delete(input.key)
      if (deleted) revision += 1
      return { _tag: "Deleted", deleted, revision: told(revision) }
    }
  },
  lie: (numbers, input) => {
    const revision = one(numbers, [() => undefined, () => numbers.below(5)])
    const isWritten = input._tag === "PutIf" && numbers.below(2) === 0
    if (input._tag === "Put" || isWritten) return { _tag: "Written", revision }
    if (input._tag === "Delete") {
      return { _tag: "Deleted", deleted: numbers.below(2) === 0, revision }
    }
    return one<KvModel.Output>(numbers, [
      () => ({ _tag: "NotFound" }),
      () => ({ _tag: "Found", value: "ab"[numbers.below(2)]!, revision })
    ])
  }
})
