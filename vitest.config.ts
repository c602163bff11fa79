import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // A fresh process per file: lmdb is native code, and some tests look at their own exit.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // One line per file, the failures in full, and the reason of each skipped test.
    reporters: ["default"]
  }
})
