/**
 * `npm run interop -- --dir D`: runs a folder of etcd's test scripts on this project's Raft core.
 *
 * Prints what failed and what was skipped, each with file, line and reason, and last
 * `files N passed, stanzas N passed, N failed, N skipped`. Exit code 0 only if stanzas were there and
 * none failed. Proof: `test/domain/raft/interop/Script.test.ts`, `interop.test.ts`.
 */
import * as Folder from "../test/domain/raft/interop/Folder.ts"
import * as ScriptOptions from "./ScriptOptions.ts"

const { values } = ScriptOptions.parse({ options: { dir: { type: "string" } } })
const folder = values.dir ?? Folder.defaultFolder()

const counts = { passed: 0, failed: 0, skipped: 0 }
let filesPassed = 0
for (const file of Folder.filesOf(folder)) {
  const stanzas = Folder.run(file)
  for (const { command, line, reason, verdict } of stanzas) {
    counts[verdict] += 1
    if (verdict !== "passed") console.log(`${verdict} ${file.name}:${line} ${command}: ${reason}`)
  }
  if (stanzas.length > 0 && stanzas.every(({ verdict }) => verdict === "passed")) filesPassed += 1
}
const { failed, passed, skipped } = counts
if (passed + failed + skipped === 0) console.log(`there is no script in ${folder}`)
console.log(
  `files ${filesPassed} passed, stanzas ${passed} passed, ${failed} failed, ${skipped} skipped`
)
process.exitCode = failed === 0 && passed + skipped > 0 ? 0 : 1
