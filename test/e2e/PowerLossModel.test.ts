import { describe, expect, it } from "@effect/vitest"
import * as DiskHistorian from "../../scripts/power-loss/DiskHistorian.ts"
import type * as DiskHistory from "../../scripts/power-loss/DiskHistory.ts"
import * as DiskImage from "../../scripts/power-loss/DiskImage.ts"
import { seededNumbers } from "../support/SeededNumbers.ts"
import * as StraceCalls from "../support/StraceCalls.ts"
import * as StraceTrace from "../support/StraceTrace.ts"

const hex = (bytes: Uint8Array | string) =>
  Array.from(Buffer.from(bytes), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")
const path = (name: string) => hex(name === "" ? "/t" : `/t/${name}`)

const mkdir = (name: string) => `1 mkdir("${path(name)}", 0700) = 0`
const open = (number: number, name: string, flags = "O_RDWR|O_CREAT") =>
  `1 openat(AT_FDCWD<${hex("/")}>, "${path(name)}", ${flags}, 0644) = ${number}<${path(name)}>`
const write = (number: number, at: number, bytes: Uint8Array) =>
  `1 pwrite64(${number}<${path("x")}>, "${hex(bytes)}", ${bytes.length}, ${at}) = ${bytes.length}`
const sync = (number: number) => `1 fsync(${number}<${path("x")}>) = 0`
const mark = (line: string) => `1 write(9<${path("marks")}>, "${hex(line)}", 1) = 1`

const historyOf = (...lines: ReadonlyArray<string>) =>
  DiskHistorian.make([StraceCalls.of(StraceTrace.parse(lines.join("\n")))], {
    directory: "/t/d",
    marksFile: "/t/marks"
  })

/** What is found at a path in many images after all that has happened. */
const contents = (
  history: DiskHistory.DiskHistory,
  name: string,
  moment = Number.POSITIVE_INFINITY
) => Array.from({ length: 300 }, (_, seed) => imageAt(history, seed, moment).get(name))

const imageAt = (history: DiskHistory.DiskHistory, seed: number, moment: number) =>
  DiskImage.make(history, moment, seededNumbers(seed))

const page = (value: number, size = 1024) => Buffer.alloc(size, value)
/** In a directory and with a name that are durable. */
const durableFile = [mkdir("d"), open(4, "d/f"), open(5, ""), sync(5), open(6, "d"), sync(6)]

describe("the model of the disk", () => {
  it("keeps what a sync has returned for, in every image", () => {
    const history = historyOf(...durableFile, write(4, 0, page(1)), sync(4))
    for (const content of contents(history, "d/f")) expect(content).toEqual(page(1))
  })

  it("keeps what a synchronous descriptor has written, and nothing else of the file", () => {
    const synchronous = open(7, "d/f", "O_WRONLY|O_DSYNC")
    const history = historyOf(
      ...durableFile,
      synchronous,
      write(4, 1024, page(1)),
      write(7, 0, page(2))
    )
    const found = contents(history, "d/f") as ReadonlyArray<Buffer>
    for (const content of found) expect(content.subarray(0, 1024)).toEqual(page(2))
    expect(new Set(found.map((content) => content.length)).size).toBeGreaterThan(1)
  })

  it("leaves of a write without a sync anything: nothing, all, some sectors, another length", () => {
    const history = historyOf(
      ...durableFile,
      write(4, 0, page(1, 8192)),
      sync(4),
      write(4, 0, page(2, 8192))
    )
    const found = contents(history, "d/f") as ReadonlyArray<Buffer>
    expect(found.some((content) => content.equals(page(1, 8192)))).toBe(true)
    expect(found.some((content) => content.equals(page(2, 8192)))).toBe(true)
    expect(found.some((content) => content.includes(1) && content.includes(2))).toBe(true)
    for (const content of found) {
      expect(content.length).toBe(8192)
      for (let at = 0; at < 8192; at += 512) {
        const sector = content.subarray(at, at + 512)
        expect(sector.equals(page(sector[0]!, 512))).toBe(true)
      }
    }
  })

  it("lets a later write reach the disk without an earlier one", () => {
    const history = historyOf(...durableFile, write(4, 0, page(1)), write(4, 1024, page(2)))
    const found = contents(history, "d/f") as ReadonlyArray<Buffer>
    const overtaken = found.filter((content) => content.length === 2048 && content[0] === 0)
    expect(overtaken.some((content) => content.subarray(1024).equals(page(2)))).toBe(true)
  })

  it("does not count a sync for a write that began after it, nor before it has returned", () => {
    const history = historyOf(
      ...durableFile,
      write(4, 0, page(1)),
      `1 fsync(4<${path("d/f")}> <unfinished ...>`,
      write(4, 1024, page(2)).replace("1 ", "2 "),
      "1 <... fsync resumed>) = 0"
    )
    const inSync = contents(history, "d/f", 2 * durableFile.length + 3.5) as ReadonlyArray<Buffer>
    expect(inSync.some((content) => !content.subarray(0, 1024).equals(page(1)))).toBe(true)
    const after = contents(history, "d/f") as ReadonlyArray<Buffer>
    for (const content of after) expect(content.subarray(0, 1024)).toEqual(page(1))
    expect(after.some((content) => content.length === 1024)).toBe(true)
  })

  it("forgets a name until its directory is synced, whatever happened to the file", () => {
    const written = [write(4, 0, page(1)), sync(4)]
    const forgotten = historyOf(mkdir("d"), open(5, ""), sync(5), open(4, "d/f"), ...written)
    expect(contents(forgotten, "d/f")).toContain(undefined)
    expect(contents(historyOf(...durableFile, ...written), "d/f")).not.toContain(undefined)
  })

  it("loses what is in a directory whose own name is lost", () => {
    const history = historyOf(mkdir("d"), open(4, "d/f"), open(6, "d"), sync(6))
    for (const seed of Array(100).keys()) {
      const image = imageAt(history, seed, Number.POSITIVE_INFINITY)
      expect(image.has("d/f")).toBe(image.has("d"))
    }
  })

  it("shows a removed name until the removal is durable", () => {
    const removed = [...durableFile, `1 unlink("${path("d/f")}") = 0`]
    expect(
      new Set(contents(historyOf(...removed), "d/f").map((found) => found !== undefined)).size
    ).toBe(2)
    const durable = historyOf(...removed, sync(6))
    expect(contents(durable, "d/f").every((found) => found === undefined)).toBe(true)
  })

  it("renames wholly or not at all, with what is in it", () => {
    const renamed = [
      ...[mkdir("d"), mkdir("d/e"), open(4, "d/e/f"), write(4, 0, page(1)), sync(4)],
      ...[open(5, "d/e"), sync(5), open(6, ""), sync(6), open(7, "d"), sync(7)],
      `1 rename("${path("d/e")}", "${path("d/g")}") = 0`
    ]
    const namesIn = (history: DiskHistory.DiskHistory) =>
      new Set(
        Array.from({ length: 100 }, (_, seed) =>
          [...imageAt(history, seed, Number.POSITIVE_INFINITY).keys()].toSorted().join()
        )
      )
    expect(namesIn(historyOf(...renamed))).toEqual(new Set(["d,d/e,d/e/f", "d,d/g,d/g/f"]))
    const durable = historyOf(...renamed, sync(7))
    expect(namesIn(durable)).toEqual(new Set(["d,d/g,d/g/f"]))
    expect(contents(durable, "d/g/f")[0]).toEqual(page(1))
  })

  it("places marks among the writes", () => {
    const history = historyOf(...durableFile, mark("one\n"), write(4, 0, page(1)), mark("two\n"))
    const at = durableFile.length
    expect(history.marks).toEqual([
      { line: "one", beganAt: 2 * at },
      { line: "two", beganAt: 2 * at + 4 }
    ])
  })

  it.each([
    ["renaming elsewhere", `1 rename("${path("d/f")}", "${path("e/f")}") = 0`],
    ["cutting", `1 ftruncate(4<${path("d/f")}>, 1) = 0`],
    ["a failed sync", `1 fsync(4<${path("d/f")}>) = -1 EIO (Input/output error)`],
    [
      "a shared map",
      `1 mmap(NULL, 9, PROT_READ|PROT_WRITE, MAP_SHARED, 4<${path("d/f")}>, 0) = 0x7f`
    ]
  ])("refuses what it does not know: %s", (_what, line) => {
    expect(() => historyOf(...durableFile, write(4, 0, page(1)), line)).toThrow()
  })
})
