/** docs/OPERATIONS.md names every metric and every event of the log, and only errors there are. */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { eventTags } from "../../src/domain/telemetry/NodeEvent.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import * as PeerMetrics from "../../src/layers/PeerMetrics.ts"
import * as ProcessMetrics from "../../src/layers/ProcessMetrics.ts"
import { memoryNode } from "../support/MemoryNode.ts"
import { scrape, withRegistry } from "../support/Scraping.ts"

const operations = readFileSync(join(import.meta.dirname, "../../docs/OPERATIONS.md"), "utf8")
const sourceFiles = globSync(join(import.meta.dirname, "../../src/**/*.ts"))
const sources = sourceFiles.map((path) => readFileSync(path, "utf8")).join("\n")
const section = /\n## Watch it\n([\s\S]*?)\n## /.exec(operations)?.[1] ?? ""

/** The names in backticks in the first column of a table, without labels. */
const named = (columnTitle: string): ReadonlyArray<string> => {
  const table = section.slice(section.indexOf(`| ${columnTitle} |`)).split("\n\n")[0]!
  const firstCells = table.split("\n").map((row) => row.split("|")[1] ?? "")
  return firstCells
    .flatMap((cell) => Array.from(cell.matchAll(/`(\w+)(\{[^}]*\})?`/g), (match) => match[1]!))
    .sort()
}

it.effect("every metric is in the table of metrics", () =>
  withRegistry(
    Effect.gen(function* () {
      const ofPeers = PeerMetrics.families(() => undefined).map(({ name }) => name)
      expect(named("metric")).toEqual([...(yield* scrape).keys(), ...ofPeers].sort())
    }).pipe(
      Effect.provide(Layer.mergeAll(memoryNode({ disk: new MemoryDisk() }), ProcessMetrics.layer))
    )
  )
)

it("every event is in the table of events", () => {
  expect(named("event")).toEqual([...eventTags].sort())
})

it("what the tables of errors name is what a command prints", () => {
  const tables = operations.slice(operations.indexOf("\n## Errors\n"))
  const names = Array.from(tables.matchAll(/^\| `[^|]*/gm), ([cell]) => cell).flatMap((cell) =>
    Array.from(cell.matchAll(/`(\w+)`/g), ([, name]) => name!)
  )
  expect(names).toContain("LeaderLost")
  expect(names.filter((name) => !sources.includes(`"${name}"`))).toEqual([])
})
