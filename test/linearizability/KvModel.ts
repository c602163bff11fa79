/**
 * One key of Sealog's store: put, put if, delete, get, with the revisions that answers bring, if they
 * do (SPEC §7).
 *
 * A revision counts the changes of the whole store, so those of one key go up and may leave some
 * out. A change whose answer is not known has taken a revision as well; which one, the first get that
 * finds its value tells. That different keys never share a revision is not looked at here.
 */
import type { Operation } from "./History.ts"
import { impossible, type Model, unknownOutcome } from "./Model.ts"

export type Input =
  | { readonly _tag: "Get"; readonly key: string }
  | { readonly _tag: "Put"; readonly key: string; readonly value: string }
  /** If the key has this revision, else a get; 0: if it is not there. */
  | {
      readonly _tag: "PutIf"
      readonly key: string
      readonly value: string
      readonly revision: number
    }
  | { readonly _tag: "Delete"; readonly key: string }

export type Output =
  | { readonly _tag: "Written"; readonly revision?: number | undefined }
  /** The revision is that of the store, unchanged if there was nothing to delete. */
  | {
      readonly _tag: "Deleted"
      readonly deleted: boolean
      readonly revision?: number | undefined
    }
  | { readonly _tag: "Found"; readonly value: string; readonly revision?: number | undefined }
  | { readonly _tag: "NotFound" }

export interface State {
  /** Absent if the key is. */
  readonly value: string | undefined
  /** The revision of the value is this one, or at least this one. Later changes take greater ones. */
  readonly revisionMin: number
  readonly isExact: boolean
}

function step(state: State, input: Input, output: Output | typeof unknownOutcome) {
  switch (input._tag) {
    case "Get":
      return output === unknownOutcome ? state : get(state, output)
    case "Put":
      if (output === unknownOutcome) return changed(state, input.value, undefined)
      if (output._tag !== "Written") return impossible
      return changed(state, input.value, output.revision)
    case "PutIf":
      return output === unknownOutcome ? mayReplace(state, input) : replace(state, input, output)
    case "Delete":
      if (output === unknownOutcome) {
        return state.value === undefined ? state : changed(state, undefined, undefined)
      }
      return remove(state, output)
  }
}

function get(state: State, output: Output) {
  if (output._tag === "NotFound") return state.value === undefined ? state : impossible
  if (output._tag !== "Found" || output.value !== state.value) return impossible
  const { revision } = output
  if (revision === undefined) return state
  if (state.isExact) return revision === state.revisionMin ? state : impossible
  if (revision < state.revisionMin) return impossible
  return { value: state.value, revisionMin: revision, isExact: true }
}

type PutIf = Extract<Input, { readonly _tag: "PutIf" }>

/** Unknown: if the condition cannot hold, it has changed nothing; if it may not, it is left out. */
function mayReplace(state: State, { revision, value }: PutIf) {
  return mayHave(state, revision) ? changed(having(state, revision), value, undefined) : state
}

function replace(state: State, { revision, value }: PutIf, output: Output) {
  if (output._tag === "Written") {
    if (!mayHave(state, revision)) return impossible
    return changed(having(state, revision), value, output.revision)
  }
  const seen = get(state, output)
  if (seen === impossible) return impossible
  const holds =
    revision === 0 ? seen.value === undefined : seen.isExact && seen.revisionMin === revision
  return holds ? impossible : seen
}

function mayHave({ isExact, revisionMin, value }: State, revision: number): boolean {
  if (revision === 0 || value === undefined) return revision === 0 && value === undefined
  return isExact ? revisionMin === revision : revisionMin <= revision
}

const having = (state: State, revision: number): State =>
  revision === 0 ? state : { ...state, revisionMin: revision }

function remove(state: State, output: Output) {
  if (output._tag !== "Deleted" || output.deleted !== (state.value !== undefined)) {
    return impossible
  }
  const { revision } = output
  if (output.deleted) return changed(state, undefined, revision)
  if (revision === undefined || revision === state.revisionMin) return state
  return revision < state.revisionMin ? impossible : { ...state, revisionMin: revision }
}

/** Of a key that is absent nobody reads the revision, so it is never exact. */
function changed(
  { revisionMin }: State,
  value: string | undefined,
  revision: number | undefined
): State | typeof impossible {
  if (revision === undefined) return { value, revisionMin: revisionMin + 1, isExact: false }
  if (revision <= revisionMin) return impossible
  return { value, revisionMin: revision, isExact: value !== undefined }
}

export const model: Model<State, Input, Output> = {
  initial: { value: undefined, revisionMin: 0, isExact: false },
  step,
  isRead: (_input, output) =>
    output._tag === "Deleted" ? !output.deleted : output._tag !== "Written",
  isOverwrite: ({ _tag }, output) =>
    _tag === "Put" || (_tag === "Delete" && output === unknownOutcome),
  keyOf: ({ value }) => (value === undefined ? "" : `=${value}`),
  covers: (state, other) =>
    state.isExact
      ? other.isExact && state.revisionMin === other.revisionMin
      : state.revisionMin <= other.revisionMin,
  describeInput: (input) => {
    if (input._tag === "Get" || input._tag === "Delete") return input._tag.toLowerCase()
    const put = `put ${JSON.stringify(input.value)}`
    return input._tag === "Put" ? put : `${put} if at revision ${input.revision}`
  },
  describeOutput: (output) => {
    if (output._tag === "NotFound") return "not found"
    const at = output.revision === undefined ? "" : ` at revision ${output.revision}`
    if (output._tag === "Found") return `${JSON.stringify(output.value)}${at}`
    if (output._tag === "Written") return `written${at}`
    return `${output.deleted ? "deleted" : "nothing to delete"}${at}`
  },
  describeState: ({ isExact, revisionMin, value }) =>
    value === undefined
      ? `absent since revision ${revisionMin} at the earliest`
      : `${JSON.stringify(value)} at revision ${revisionMin}${isExact ? "" : " or a later one"}`
}

export const keyOf = ({ key }: Input): string => key

/** For the checker: of puts whose values nobody has found, no answer tells one from the other. */
export function likenessIn(
  operations: ReadonlyArray<Operation<Input, Output>>
): (operation: Operation<Input, Output>) => string {
  const found = new Set(
    operations.flatMap(({ input, returned }) =>
      returned?.output._tag === "Found" ? [`${returned.output.value} of ${input.key}`] : []
    )
  )
  return ({ input }) => {
    if (input._tag === "Get" || input._tag === "Delete") return model.describeInput(input)
    if (found.has(`${input.value} of ${input.key}`)) return model.describeInput(input)
    const condition = input._tag === "Put" ? "" : ` if at revision ${input.revision}`
    return `a put of what nobody found${condition}`
  }
}
