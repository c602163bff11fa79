import { defineConfig } from "vitest/config"
import type { Reporter } from "vitest/node"

/** The default reporter keeps quiet about why a test was skipped. */
const skipReasons: Reporter = {
  onTestCaseResult: (test) => {
    const result = test.result()
    if (result.state === "skipped") console.log(` ↓ ${test.fullName}: ${result.note ?? "skipped"}`)
  }
}

/** Where `.ci/run` wants a report that a program can read. */
const report = process.env.TEST_REPORT

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // A fresh process per file: lmdb is native code, and some tests watch how a process ends.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: [
      "default",
      skipReasons,
      ...(report === undefined
        ? []
        : [["json", { outputFile: report }] as [string, Record<string, unknown>]])
    ]
  }
})
