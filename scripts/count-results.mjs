/**
 * Prints the verdict of `.ci/run`: `N passed, N failed`, alone on the last line.
 *
 * `node scripts/count-results.mjs <check output> <check code> <test report> <test code>`. A stage of
 * the check that printed no verdict, a test file that did not load, and a command that failed with
 * nothing to show for it each count as one failure. Fails if anything failed or if no test ran.
 */
import { readFileSync } from "node:fs"

const stages = ["types", "lint", "tidy"]
const [checkOutput, checkCode, testReport, testCode] = process.argv.slice(2)

const countCheck = () => {
  const lines = readFileSync(checkOutput, "utf8").split("\n")
  const passed = stages.filter((stage) => lines.includes(`check: ${stage} passed`)).length
  return { passed, failed: stages.length - passed }
}

const countTests = () => {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  let report = { testResults: [] }
  try {
    report = JSON.parse(readFileSync(testReport, "utf8"))
  } catch (error) {
    console.log(`no report of the tests: ${error.message}`)
  }
  for (const file of report.testResults) {
    const before = counts.failed
    for (const { status } of file.assertionResults) {
      if (status === "passed") counts.passed += 1
      else if (status === "failed") counts.failed += 1
      else counts.skipped += 1
    }
    if (file.status === "failed" && counts.failed === before) {
      console.log(`failed outside its tests: ${file.name}`)
      counts.failed += 1
    }
  }
  return counts
}

const check = countCheck()
const tests = countTests()
const noneRan = tests.passed + tests.failed === 0
if (checkCode !== "0" && check.failed === 0) check.failed += 1
if (testCode !== "0" && tests.failed === 0) tests.failed += 1
if (noneRan) console.log("no test ran")
if (tests.skipped > 0) console.log(`${tests.skipped} tests skipped`)

const failed = check.failed + tests.failed
console.log(`${check.passed + tests.passed} passed, ${failed} failed`)
process.exit(failed > 0 || noneRan ? 1 : 0)
