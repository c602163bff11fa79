/** Small histories made by hand, each for one rule of the checker; the first failing answer is named. */
import * as AppendModel from "./AppendModel.ts"
import * as Checker from "./Checker.ts"
import * as Explanation from "./Explanation.ts"
import type { Operation } from "./History.ts"
import * as KvModel from "./KvModel.ts"
import type { Model } from "./Model.ts"
import type { PlantedRule } from "./PlantedRule.ts"
import * as RegisterModel from "./RegisterModel.ts"

export interface Example {
  readonly name: string
  readonly isLinearizable: boolean
  readonly check: (planted?: PlantedRule) => "Linearizable" | "Violation" | "Undecided"
  readonly explain: () => string
}

type Line<Input, Output> = readonly [
  from: number,
  to: number | undefined,
  input: Input,
  output?: Output
]

const example =
  <State, Input, Output>(model: Model<State, Input, Output>, keyOf?: (input: Input) => string) =>
  (
    verdict: "right" | "wrong",
    name: string,
    ...lines: ReadonlyArray<Line<Input, Output>>
  ): Example => {
    const operations = lines.map(
      ([invokedAt, to, input, output], client): Operation<Input, Output> => ({
        client,
        input,
        invokedAt,
        returned: to === undefined ? undefined : { at: to, output: output as Output }
      })
    )
    const options = { model, operations, ...(keyOf && { keyOf }) }
    return {
      name,
      isLinearizable: verdict === "right",
      check: (planted) => Checker.check({ ...options, planted })._tag,
      explain: () => {
        const checked = Checker.check(options)
        return checked._tag === "Violation" ? Explanation.text(model, checked.violation) : ""
      }
    }
  }

const register = example(RegisterModel.model)
const read = { _tag: "Read" } as const
const saw = (value: number | undefined) => ({ _tag: "Value", value }) as const
const write = (value: number) => ({ _tag: "Write", value }) as const
const written = { _tag: "Written" } as const
const cas = (expected: number, value: number) =>
  ({ _tag: "CompareAndSet", expected, value }) as const
const compared = (isSet: boolean) => ({ _tag: "Compared", isSet }) as const

const text = example(AppendModel.model, AppendModel.keyOf)
const append = (value: string, key = "k") => ({ _tag: "Append", key, value }) as const
const getText = (key = "k") => ({ _tag: "Get", key }) as const
const sawText = (value: string) => ({ _tag: "Value", value }) as const
const done = { _tag: "Done" } as const

const kv = example(KvModel.model, KvModel.keyOf)
const put = (value: string, key = "k") => ({ _tag: "Put", key, value }) as const
const get = (key = "k") => ({ _tag: "Get", key }) as const
const remove = { _tag: "Delete", key: "k" } as const
const putAt = (revision?: number) => ({ _tag: "Written", revision }) as const
const found = (value: string, revision?: number) => ({ _tag: "Found", value, revision }) as const
const deleted = (deleted: boolean, revision?: number) =>
  ({ _tag: "Deleted", deleted, revision }) as const
const notFound = { _tag: "NotFound" } as const

export const examples: ReadonlyArray<Example> = [
  register("right", "nothing happened"),
  register("right", "a register begins without a value", [1, 2, read, saw(undefined)]),
  register("wrong", "a value that nobody wrote", [1, 2, read, saw(1)]),
  register("wrong", "a stale read", [1, 2, write(1), written], [3, 4, read, saw(undefined)]),
  register(
    "right",
    "a read that overlaps the write may come first",
    [1, 4, write(1), written],
    [2, 3, read, saw(undefined)],
    [5, 6, read, saw(1)]
  ),
  register(
    "wrong",
    "a value that was seen and is gone again",
    [1, 6, write(1), written],
    [2, 3, read, saw(1)],
    [4, 5, read, saw(undefined)]
  ),
  register(
    "right",
    "a return and a call of one time are concurrent",
    [1, 2, write(1), written],
    [2, 3, read, saw(undefined)]
  ),
  register(
    "right",
    "a write that changes nothing now is needed later",
    [1, 2, write(3), written],
    [3, 10, write(3), written],
    [4, 5, cas(3, 4), compared(true)],
    [6, 7, read, saw(3)]
  ),
  register(
    "right",
    "an unknown write takes effect late",
    [1, undefined, write(1)],
    [2, 3, write(2), written],
    [4, 5, read, saw(2)],
    [6, 7, read, saw(1)]
  ),
  register(
    "right",
    "an unknown write never takes effect",
    [1, undefined, write(1)],
    [2, 3, read, saw(undefined)]
  ),
  register(
    "wrong",
    "an unknown write takes effect once",
    [1, undefined, write(1)],
    [2, 3, read, saw(1)],
    [4, 5, write(2), written],
    [6, 7, read, saw(1)]
  ),
  register(
    "right",
    "two unknown writes of one value take effect twice",
    [1, undefined, write(1)],
    [1, undefined, write(1)],
    [2, 3, read, saw(1)],
    [4, 5, write(2), written],
    [6, 7, read, saw(1)]
  ),
  register(
    "right",
    "an unknown write that one order needs early and another late",
    [1, 4, write(1), written],
    [1, 3, write(2), written],
    [2, undefined, write(2)],
    [5, 6, read, saw(2)],
    [7, 8, write(3), written],
    [9, 10, read, saw(2)]
  ),
  register(
    "wrong",
    "an unknown write takes no effect before its call",
    [1, 2, read, saw(1)],
    [3, undefined, write(1)]
  ),
  register(
    "wrong",
    "a compare and set that failed although it fits",
    [1, 2, write(1), written],
    [3, 4, cas(1, 2), compared(false)]
  ),
  register(
    "right",
    "an unknown compare and set finds its value later",
    [1, undefined, cas(1, 2)],
    [2, 3, write(1), written],
    [4, 5, read, saw(2)]
  ),
  text(
    "right",
    "appends that overlap, in the other order",
    [1, 5, append("a"), done],
    [2, 4, append("b"), done],
    [6, 7, getText(), sawText("ba")]
  ),
  text(
    "wrong",
    "an append done twice",
    [1, 2, append("a"), done],
    [3, 4, getText(), sawText("aa")]
  ),
  text(
    "wrong",
    "two orders at once",
    [1, 9, append("a"), done],
    [1, 9, append("b"), done],
    [2, 8, getText(), sawText("ab")],
    [3, 7, getText(), sawText("ba")]
  ),
  text(
    "wrong",
    "one key of two",
    [1, 2, append("a", "k"), done],
    [1, 2, append("b", "l"), done],
    [3, 4, getText("k"), sawText("a")],
    [3, 5, getText("l"), sawText("a")]
  ),
  kv("right", "a revision that others have moved on", [1, 2, put("a"), putAt(7)]),
  kv("wrong", "a revision that goes back", [1, 2, put("a"), putAt(7)], [3, 4, put("b"), putAt(6)]),
  kv("wrong", "a revision twice", [1, 2, put("a"), putAt(7)], [3, 4, put("b"), putAt(7)]),
  kv(
    "wrong",
    "a value of another revision",
    [1, 2, put("a"), putAt(7)],
    [3, 4, get(), found("a", 8)]
  ),
  kv(
    "wrong",
    "an unknown put of an earlier revision than what came before it",
    [1, 2, put("a"), putAt(7)],
    [3, undefined, put("b")],
    [4, 5, get(), found("b", 7)]
  ),
  kv(
    "wrong",
    "an unknown put that had two revisions",
    [1, undefined, put("a")],
    [2, 3, get(), found("a", 3)],
    [4, 5, get(), found("a", 4)]
  ),
  kv(
    "right",
    "no change of unknown outcome, no revision",
    [1, 2, put("a"), putAt(1)],
    [3, undefined, remove],
    [4, 5, put("b"), putAt(2)],
    [6, 7, get(), found("b", 2)]
  ),
  kv(
    "wrong",
    "an unknown delete that needs a revision, and there is none left",
    [1, 2, put("a"), putAt(1)],
    [3, undefined, remove],
    [4, 5, get(), notFound],
    [6, 7, put("b"), putAt(2)]
  ),
  kv(
    "right",
    "of three puts at once, the one whose revision is known may be the second",
    [1, 2, put("b"), putAt(5)],
    [1, 2, put("b"), putAt()],
    [1, 2, put("b"), putAt()],
    [3, 4, get(), found("b", 6)]
  ),
  kv(
    "right",
    "a delete of nothing tells the revision of the store",
    [1, 2, remove, deleted(false, 4)],
    [3, 4, put("a"), putAt(5)]
  ),
  kv(
    "wrong",
    "nor takes a put an earlier one after that",
    [1, 2, remove, deleted(false, 4)],
    [3, 4, put("a"), putAt(4)]
  ),
  kv(
    "wrong",
    "a key that is deleted and still there",
    [1, 2, put("a"), putAt(1)],
    [3, 4, remove, deleted(true, 2)],
    [5, 6, get(), found("a")]
  )
]
