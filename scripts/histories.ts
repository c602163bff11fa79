/**
 * `npm run -s histories -- --dir D [--explain]`: checks a folder of histories whose verdicts are known.
 *
 * Prints what is not right, of each violation why if asked, the slowest file, and last
 * `N right, N wrong, N undecided`. Exit code 0 only if there were histories, all were read, and all
 * are right. Proof: `test/linearizability/HistoryFiles.test.ts`, `HistoriesCommand.test.ts`.
 */
import { performance } from "node:perf_hooks"
import { parseArgs } from "node:util"
import * as HistoryFiles from "../test/linearizability/HistoryFiles.ts"

const counts = { Right: 0, Wrong: 0, Undecided: 0, Unreadable: 0 }
let slowest = { name: "", millis: -1 }

function judge(folder: string, name: string, isExplained: boolean): void {
  const began = performance.now()
  const finding = HistoryFiles.judge(folder, name)
  const millis = performance.now() - began
  if (millis > slowest.millis) slowest = { name, millis }
  counts[finding._tag] += 1
  if (finding._tag === "Unreadable") {
    console.log(`${name} cannot be checked: ${finding.why}`)
    return
  }
  const { _tag, explanation } = finding.verdict
  if (finding._tag === "Wrong") console.log(`${name}: the verdict is wrong: ${_tag}`)
  if (finding._tag === "Undecided") console.log(`${name}: undecided, it is too much work`)
  if (explanation !== undefined && (isExplained || finding._tag === "Wrong")) {
    console.log(`${name}: ${explanation}\n`)
  }
}

function main(): void {
  const { values } = parseArgs({
    options: { dir: { type: "string" }, explain: { type: "boolean", default: false } }
  })
  const folder = values.dir ?? HistoryFiles.defaultFolder()
  const names = HistoryFiles.filesOf(folder)
  for (const name of names) judge(folder, name, values.explain)
  if (names.length === 0) console.log(`there is no history in ${folder}`)
  else console.log(`slowest: ${slowest.name}, ${Math.ceil(slowest.millis)} ms`)
}

try {
  main()
} catch (cause) {
  // Of a folder or an option, not of a history.
  console.log(cause instanceof Error ? cause.message : String(cause))
  counts.Unreadable += 1
}
console.log(`${counts.Right} right, ${counts.Wrong} wrong, ${counts.Undecided} undecided`)
const { Right, ...others } = counts
process.exitCode = Right > 0 && Object.values(others).every((count) => count === 0) ? 0 : 1
