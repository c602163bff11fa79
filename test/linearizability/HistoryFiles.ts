/**
 * A folder of histories whose verdicts are known, and what the checker says of them.
 *
 * A verdict is the file's in the `verdicts.json` beside it, or the end of its name: `-ok`, `-bad`.
 * What must never happen here: a file left out in silence. One that cannot be read, has no verdict or is only
 * named by one is a finding.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join, relative } from "node:path"
import * as AppendModel from "./AppendModel.ts"
import * as Checker from "./Checker.ts"
import * as EventLines from "./EventLines.ts"
import * as Explanation from "./Explanation.ts"
import * as JepsenLog from "./JepsenLog.ts"
import * as RegisterModel from "./RegisterModel.ts"

/** `HISTORIES` names the folder, else it is beside the checkout. */
export const defaultFolder = (): string =>
  process.env.HISTORIES ?? join(import.meta.dirname, "../../../shared/histories")

export interface Verdict {
  readonly _tag: "Linearizable" | "Violation" | "Undecided"
  readonly operations: number
  /** Of a violation. */
  readonly explanation: string | undefined
}

export type Finding =
  | { readonly _tag: "Right" | "Wrong" | "Undecided"; readonly verdict: Verdict }
  | { readonly _tag: "Unreadable"; readonly why: string }

const verdictsName = "verdicts.json"
const isDescription = (path: string): boolean =>
  /^(README|LICENSE|NOTICE|\.)/i.test(basename(path)) || basename(path) === verdictsName

/** Relative to the folder, in alphabetical order: what is there, and what has a verdict. */
export function filesOf(folder: string): ReadonlyArray<string> {
  if (!existsSync(folder)) return []
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
  const judged = paths
    .filter((path) => basename(path) === verdictsName)
    .flatMap((path) => Object.keys(verdictsIn(path)).map((name) => join(dirname(path), name)))
  return [...new Set([...paths.filter((path) => !isDescription(path)), ...judged])]
    .map((path) => relative(folder, path))
    .sort()
}

/** Checks one file of {@link filesOf}. */
export function judge(folder: string, name: string): Finding {
  const path = join(folder, name)
  try {
    const expected = expectedOf(path)
    const verdict = check(readFileSync(path, "utf8"))
    if (verdict._tag === "Undecided") return { _tag: "Undecided", verdict }
    return { _tag: (verdict._tag === "Linearizable") === expected ? "Right" : "Wrong", verdict }
  } catch (cause) {
    return { _tag: "Unreadable", why: cause instanceof Error ? cause.message : String(cause) }
  }
}

/** Recognises the kind of history by its content. */
function check(text: string): Verdict {
  if (JepsenLog.isOne(text)) {
    const operations = JepsenLog.parse(text)
    return verdictOf({ model: RegisterModel.model, operations })
  }
  if (EventLines.isOne(text)) {
    const operations = EventLines.parse(text)
    return verdictOf({ model: AppendModel.model, operations, keyOf: AppendModel.keyOf })
  }
  throw new Error("it begins like no history that is known here")
}

function verdictOf<State, Input, Output>(options: Checker.Options<State, Input, Output>): Verdict {
  const verdict = Checker.check(options)
  return {
    _tag: verdict._tag,
    operations: options.operations.length,
    explanation:
      verdict._tag === "Violation" ? Explanation.text(options.model, verdict.violation) : undefined
  }
}

function expectedOf(path: string): boolean {
  const verdicts = join(dirname(path), verdictsName)
  const listed = existsSync(verdicts) ? verdictsIn(verdicts)[basename(path)] : undefined
  if (listed !== undefined) return listed
  const [, ending] = /-(ok|bad)\.\w+$/.exec(path) ?? []
  if (ending === undefined) throw new Error(`nobody says whether it is linearizable`)
  return ending === "ok"
}

function verdictsIn(path: string): Record<string, boolean> {
  const verdicts: unknown = JSON.parse(readFileSync(path, "utf8"))
  const isTable = typeof verdicts === "object" && verdicts !== null && !Array.isArray(verdicts)
  if (!isTable || Object.values(verdicts).some((verdict) => typeof verdict !== "boolean")) {
    throw new Error(`${path} is no table of file names with true or false`)
  }
  return verdicts as Record<string, boolean>
}
