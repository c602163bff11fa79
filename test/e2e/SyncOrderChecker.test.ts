/** The judge of `SyncOrder.test.ts` on traces made by hand: each way to acknowledge too early. */
import { describe, expect, it } from "vitest"
import * as StraceSyncOrder from "../support/StraceSyncOrder.ts"
import * as StraceTrace from "../support/StraceTrace.ts"

const file = "/data/log/data.mdb"
const client = "30<TCP:[127.0.0.1:7000->127.0.0.1:4000]>"
const other = "31<TCP:[127.0.0.1:7000->127.0.0.1:4001]>"

/** Thread 1 is the one that talks to clients. */
const opening = [
  `1 openat(AT_FDCWD</>, "${file}", O_RDWR|O_CREAT, 0664) = 24<${file}>`,
  `1 openat(AT_FDCWD</>, "${file}", O_WRONLY|O_DSYNC|O_CLOEXEC) = 25<${file}>`
]
const asked = (canary: string, from = client) =>
  `1 read(${from}, "\\23KvPut ${canary}", 65536) = 60`
const page = (canary: string) => `2 pwrite64(24<${file}>, "\\7\\0${canary}", 8192, 16384) = 8192`
const pages = (canary: string) =>
  `2 writev(24<${file}>, [{iov_base="\\3\\0", iov_len=8192}, {iov_base="${canary}", iov_len=8192}], 2) = 16384`
const sync = `2 fdatasync(24<${file}>) = 0`
const meta = `2 pwrite64(25<${file}>, "\\0\\0\\20", 128, 40) = 128`
const softMeta = `2 pwrite64(24<${file}>, "\\0\\0\\20", 128, 40) = 128`
const answer = (to = client) => `1 write(${to}, "\\27\\1\\2", 24) = 24`
const ping = `1 read(${client}, "\\n\\3", 65536) = 11`
const pong = `1 write(${client}, "\\n\\6", 11) = 11`

const checked = (
  lines: ReadonlyArray<string>,
  entry: StraceSyncOrder.Options["entry"] = "canary"
) => {
  const events = StraceTrace.parse([...opening, ...lines].join("\n"))
  return StraceSyncOrder.check(events, { file, canaries: ["c1", "c2"], entry })
}

const lacks = (...lines: ReadonlyArray<string>) =>
  checked(lines).violations.map(({ canary, lack }) => `${canary} ${lack}`)

describe("the judge of the order of syncs", () => {
  it("finds nothing wrong with written, synced, committed, acknowledged", () => {
    for (const write of [page("c1"), pages("c1")]) {
      const verdict = checked([asked("c1"), write, sync, meta, answer()])
      expect(verdict).toEqual({ acknowledged: ["c1"], violations: [], syncs: 1, commits: 1 })
    }
  })

  it("takes a sync of its own after a meta page that does not sync itself", () => {
    expect(lacks(asked("c1"), page("c1"), sync, softMeta, sync, answer())).toEqual([])
    expect(lacks(asked("c1"), page("c1"), sync, softMeta, answer())).toEqual(["c1 not committed"])
  })

  it.each<[string, string, ReadonlyArray<string>]>([
    ["no write", "c1 not written", [sync, meta]],
    ["no sync", "c1 not synced", [page("c1"), meta]],
    ["no commit", "c1 not committed", [page("c1"), sync]],
    ["a commit before the sync", "c1 not committed", [page("c1"), meta, sync]],
    ["a sync before the write", "c1 not synced", [sync, page("c1"), meta]],
    ["the entry of somebody else", "c1 not written", [page("c2"), sync, meta]],
    [
      "a sync that failed",
      "c1 not synced",
      [page("c1"), `2 fdatasync(24<${file}>) = -1 EIO (Input/output error) (INJECTED)`, meta]
    ],
    [
      "a commit that failed",
      "c1 not committed",
      [page("c1"), sync, `2 pwrite64(25<${file}>, "", 128, 40) = -1 EIO (Input/output error)`]
    ],
    [
      "a write that failed",
      "c1 not written",
      [`2 pwrite64(24<${file}>, "c1", 8192, 0) = -1 ENOSPC (No space left)`, sync, meta]
    ],
    [
      "a sync of the state",
      "c1 not synced",
      [page("c1"), "2 fdatasync(27</data/state/data.mdb>) = 0", meta]
    ]
  ])("reports an acknowledgement after %s", (_name, finding, steps) => {
    expect(lacks(asked("c1"), ...steps, answer())).toEqual([finding])
  })

  it("counts a call from where it returns, and an acknowledgement from where it begins", () => {
    const begins = `2 fdatasync(24<${file}> <unfinished ...>`
    const ends = "2 <... fdatasync resumed>) = 0"
    expect(lacks(asked("c1"), page("c1"), begins, ends, meta, answer())).toEqual([])
    expect(lacks(asked("c1"), page("c1"), begins, answer(), ends, meta)).toEqual(["c1 not synced"])

    const answering = `1 write(${client}, "\\27", 24 <unfinished ...>`
    const answered = "1 <... write resumed>) = 24"
    expect(lacks(asked("c1"), page("c1"), answering, sync, meta, answered)).toEqual([
      "c1 not synced"
    ])
  })

  it("a sync that began before the entry was written vouches for nothing", () => {
    const begins = `3 fdatasync(24<${file}> <unfinished ...>`
    const ends = "3 <... fdatasync resumed>) = 0"
    expect(lacks(asked("c1"), begins, page("c1"), ends, meta, answer())).toEqual(["c1 not synced"])
  })

  it("a descriptor that is opened anew loses what it was", () => {
    const again = `1 openat(AT_FDCWD</>, "${file}", O_RDWR) = 25<${file}>`
    expect(lacks(again, asked("c1"), page("c1"), sync, meta, answer())).toEqual([
      "c1 not committed"
    ])
  })

  it("a pong is no acknowledgement, but only in answer to a ping", () => {
    expect(lacks(asked("c1"), ping, pong, page("c1"), sync, meta, answer())).toEqual([])
    expect(lacks(asked("c1"), pong, page("c1"), sync, meta, answer())).toEqual(["c1 not written"])
  })

  it("clients are told apart", () => {
    const [first, second] = [asked("c1"), asked("c2", other)]
    expect(lacks(first, second, page("c1"), sync, meta, answer(), answer(other))).toEqual([
      "c2 not written"
    ])
    const shared = [first, second, page("c1"), page("c2"), sync, meta, answer(other), answer()]
    expect(checked(shared)).toMatchObject({
      acknowledged: ["c2", "c1"],
      violations: [],
      commits: 1
    })
  })

  it("sealed entries: everything written since the request must be on disk", () => {
    const since = (...lines: ReadonlyArray<string>) =>
      checked(lines, "everything since").violations.map(({ lack }) => lack)
    expect(since(asked("c1"), page("?"), sync, meta, answer())).toEqual([])
    expect(since(asked("c1"), page("?"), sync, meta, page("?"), answer())).toEqual(["not synced"])
    expect(since(page("?"), sync, meta, asked("c1"), answer())).toEqual(["not written"])
  })

  it("reads text that looks like the end of a call", () => {
    const tricky = `2 pwrite64(24<${file}>, "c1) = 0 <unfinished ...>", 8192, 0) = 8192`
    expect(lacks(asked("c1"), tricky, sync, meta, answer())).toEqual([])
  })
})
