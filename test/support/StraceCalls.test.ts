import { describe, expect, it } from "@effect/vitest"
import * as StraceCalls from "./StraceCalls.ts"
import * as StraceTrace from "./StraceTrace.ts"

const parse = (text: string) => StraceCalls.of(StraceTrace.parse(text))

const hex = (text: string) =>
  Array.from(Buffer.from(text), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")
const descriptor = (number: number, path: string) => ({ _tag: "Descriptor", number, path })
const bytes = (text: string) => ({ _tag: "Bytes", bytes: Buffer.from(text) })
const word = (text: string) => ({ _tag: "Word", text })

describe("a trace of strace", () => {
  it("is calls with arguments, results and moments", () => {
    const [call, ...others] = parse(
      `17 pwrite64(25<${hex("/d/data.mdb")}>, "${hex("ab")}", 2, 8192) = 2\n`
    )
    expect(others).toEqual([])
    expect(call).toEqual({
      thread: 17,
      name: "pwrite64",
      arguments: [descriptor(25, "/d/data.mdb"), bytes("ab"), word("2"), word("8192")],
      result: 2,
      beganAt: 0,
      returnedAt: 1
    })
  })

  it("puts a call that was interrupted by another thread together again", () => {
    const calls = parse(
      [
        `17 fdatasync(25<${hex("/d/data.mdb")}> <unfinished ...>`,
        `18 write(3<${hex("/marks")}>, "${hex("x")}", 1) = 1`,
        "17 <... fdatasync resumed>)           = 0",
        "18 +++ exited with 0 +++"
      ].join("\n")
    )
    expect(calls).toMatchObject([
      { name: "fdatasync", result: 0, beganAt: 0, returnedAt: 3 },
      { name: "write", result: 1, beganAt: 1, returnedAt: 2 }
    ])
  })

  it("joins arguments that come with the return, and keeps what never returned", () => {
    const calls = parse(
      [
        `17 openat(AT_FDCWD<${hex("/")}>, "${hex("f")}", O_RDWR|O_CREAT, 0664 <unfinished ...>`,
        `18 write(3<${hex("/f")}>, "${hex("x")}", 1 <unfinished ...>`,
        `17 <... openat resumed>)  = 4<${hex("/f")}>`
      ].join("\n")
    )
    expect(calls).toMatchObject([
      { name: "openat", result: 4, beganAt: 0, returnedAt: 2 },
      { name: "write", result: undefined, beganAt: 1, returnedAt: Number.POSITIVE_INFINITY }
    ])
    expect(calls[0]!.arguments).toEqual([
      descriptor(-1, "/"),
      bytes("f"),
      word("O_RDWR|O_CREAT"),
      word("0664")
    ])
  })

  it("knows what was under way when the process was killed", () => {
    const calls = parse(
      [
        `17 fdatasync(25<${hex("/f")}> <unfinished ...>`,
        `18 write(3<${hex("/f")}>, "${hex("x")}", 1 <unfinished ...>) = ?`,
        "17 <... fdatasync resumed>) = ?",
        "17 +++ killed by SIGKILL +++"
      ].join("\n")
    )
    expect(calls.map(({ name, result }) => [name, result])).toEqual([
      ["fdatasync", undefined],
      ["write", undefined]
    ])
    expect(calls[1]!.arguments).toHaveLength(3)
  })

  it("reads vectors, structures, flags with arguments and errors", () => {
    const calls = parse(
      [
        `1 writev(5<${hex("/f")}>, [{iov_base="${hex("a")}", iov_len=1}, {iov_base="", iov_len=0}], 2) = 1`,
        `1 fcntl(5<${hex("/f")}>(deleted), F_SETLK, {l_type=F_WRLCK, l_start=0}) = -1 EAGAIN (Again)`,
        "1 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f00",
        "1 --- SIGTERM {si_signo=SIGTERM} ---"
      ].join("\n")
    )
    expect(calls.map(({ result }) => result)).toEqual([1, -1, 0x7f00])
    expect(calls[0]!.arguments[1]).toMatchObject({ _tag: "List", items: { length: 2 } })
  })

  it("refuses what it does not understand, and a string that was cut short", () => {
    expect(() => parse("17 write(3, ]) = 1")).toThrow("not understood")
    expect(() => parse("17 <... write resumed>) = 1")).toThrow("not entered")
    const short = `17 write(3<${hex("/f")}>, "${hex("x")}"..., 100) = 100`
    expect(() => parse(short)).toThrow("cut short")
  })
})
