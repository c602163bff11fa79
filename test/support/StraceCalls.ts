/**
 * The system calls of a trace that `strace -f -y -xx` printed, with the bytes they carried.
 *
 * Knows the syntax of arguments and no system call's meaning. A moment is the place of an event in the
 * trace (see `StraceTrace` for why their order can be trusted). What must never happen here: a string
 * that strace has cut short taken for the whole. Proof: `test/support/StraceCalls.test.ts`.
 */
import type * as StraceTrace from "./StraceTrace.ts"

/** An open file: strace's `-y` adds the path to its number. */
export interface Descriptor {
  readonly _tag: "Descriptor"
  /** `-1` for the working directory. */
  readonly number: number
  readonly path: string
}

/** Bytes of a buffer or of a path. */
export interface Bytes {
  readonly _tag: "Bytes"
  readonly bytes: Buffer
}

/** `[…]` of arguments, as in `writev`, where each is a `{…}`. */
export interface List {
  readonly _tag: "List"
  readonly items: ReadonlyArray<Argument>
}

/** `{name=…, …}`. */
export interface Struct {
  readonly _tag: "Struct"
  readonly fields: ReadonlyMap<string, Argument>
}

/** A number, a flag, a name: as it was printed. */
export interface Word {
  readonly _tag: "Word"
  readonly text: string
}

export type Argument = Descriptor | Bytes | List | Struct | Word

export interface Call {
  readonly thread: number
  readonly name: string
  readonly arguments: ReadonlyArray<Argument>
  /** Negative if it failed; `undefined` if it never returned. */
  readonly result: number | undefined
  readonly beganAt: number
  /** `Infinity` if it never returned. */
  readonly returnedAt: number
}

/** Ascending by `beganAt`. Throws on an argument it does not understand. */
export function of(events: ReadonlyArray<StraceTrace.Event>): ReadonlyArray<Call> {
  const calls: Array<Call> = []
  const entered = new Map<number, { readonly event: StraceTrace.Entered; readonly at: number }>()
  for (const [at, event] of events.entries()) {
    if (event._tag === "Entered") {
      entered.set(event.thread, { event, at })
      continue
    }
    const began = entered.get(event.thread)
    if (began?.event.name !== event.name) return misunderstood(`${event.name} left, not entered`)
    entered.delete(event.thread)
    calls.push(callOf(event, resultOf(event.result), { beganAt: began.at, returnedAt: at }))
  }
  for (const { at, event } of entered.values()) {
    calls.push(callOf(event, undefined, { beganAt: at, returnedAt: Number.POSITIVE_INFINITY }))
  }
  return calls.toSorted((a, b) => a.beganAt - b.beganAt)
}

/** `-xx` prints no descriptor in another way than as `24<path>`, and some results in base 16. */
const resultOf = (text: string): number | undefined => {
  const [number] = /^(0x[0-9a-f]+|-?\d+)/.exec(text) ?? []
  return number === undefined ? undefined : Number(number)
}

/** What strace prints after the arguments that it knew when a thread was killed. */
const unfinished = /,? *(<unfinished \.\.\.>)?$/

const callOf = (
  { argumentText, name, thread }: StraceTrace.Event,
  result: number | undefined,
  moments: Pick<Call, "beganAt" | "returnedAt">
): Call => ({
  thread,
  name,
  arguments: new Scanner(argumentText.replace(unfinished, "")).list(""),
  result,
  ...moments
})

/** Reads arguments from left to right. With `-xx`, no string or path holds a character of syntax. */
class Scanner {
  private readonly text: string
  private at = 0

  constructor(text: string) {
    this.text = text
  }

  /** Arguments up to `end`, which is consumed; an empty `end` is the end of the text. */
  list(end: string): ReadonlyArray<Argument> {
    const items: Array<Argument> = []
    while (!this.takes(end)) {
      items.push(this.argument())
      this.takesWord(/, /y)
    }
    return items
  }

  private takes(end: string): boolean {
    if (end === "") return this.at >= this.text.length
    if (this.text[this.at] !== end) return false
    this.at += end.length
    return true
  }

  private takesWord(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)
    if (found !== null) this.at = pattern.lastIndex
    return found
  }

  private argument(): Argument {
    if (this.takes("[")) return { _tag: "List", items: this.list("]") }
    if (this.takes("{")) return this.struct()
    const string = this.takesWord(/"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/y)
    if (string !== null) {
      if (string[2] !== undefined) return misunderstood("a string that strace has cut short")
      return { _tag: "Bytes", bytes: bytesOf(string[1]!) }
    }
    const descriptor = this.takesWord(/(\d+|AT_FDCWD)<([^>]*)>(?:\(deleted\))?/y)
    if (descriptor !== null) {
      const number = descriptor[1] === "AT_FDCWD" ? -1 : Number(descriptor[1])
      return { _tag: "Descriptor", number, path: pathOf(descriptor[2]!) }
    }
    const word = this.takesWord(/[^,[\]{}"]+(\([^)]*\))?/y)
    if (word === null) return misunderstood(this.text.slice(this.at, this.at + 80))
    return { _tag: "Word", text: word[0] }
  }

  private struct(): Struct {
    const fields = new Map<string, Argument>()
    while (!this.takes("}")) {
      const name = this.takesWord(/(\w+)=/y)
      if (name === null) return misunderstood(this.text.slice(this.at, this.at + 80))
      fields.set(name[1]!, this.argument())
      this.takesWord(/, /y)
    }
    return { _tag: "Struct", fields }
  }
}

const bytesOf = (escaped: string): Buffer => Buffer.from(escaped.replaceAll("\\x", ""), "hex")

const pathOf = (text: string): string => (text.startsWith("\\x") ? bytesOf(text).toString() : text)

function misunderstood(text: string): never {
  throw new Error(`not understood in the trace: ${text.slice(0, 200)}`)
}
