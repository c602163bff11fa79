/**
 * Reads what `strace -f -yy -o FILE` wrote: system calls of all threads, as they were entered and left.
 *
 * Why the order of its lines can be trusted: strace stops a thread where it enters a call and where it
 * leaves it, and prints before it lets the thread go on. So "left" above "entered" means that the first
 * call was over before the second began, and whatever a call causes in another thread is below it. A
 * call during which another thread was reported is split in two lines, "unfinished" and "resumed".
 */

export interface Entered {
  readonly _tag: "Entered"
  readonly thread: number
  readonly name: string
  /** As printed; of a split call only what is known when it is entered. */
  readonly argumentText: string
}

export interface Left {
  readonly _tag: "Left"
  readonly thread: number
  readonly name: string
  readonly argumentText: string
  /** As printed, such as `0`, `24</path>`, `-1 EIO (Input/output error) (INJECTED)`, `?`. */
  readonly result: string
}

export type Event = Entered | Left

const whole = /^(\d+) +(\w+)\((.*)\)\s+= (\S.*)$/
const unfinished = /^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/
const resumed = /^(\d+) +<\.\.\. (\w+) resumed>(.*)\)\s+= (\S.*)$/

/** Lines that are no calls (signals, ends of threads) are left out. */
export function parse(text: string): ReadonlyArray<Event> {
  const events: Array<Event> = []
  const begun = new Map<number, string>()
  const entered = (thread: number, name: string, argumentText: string) =>
    events.push({ _tag: "Entered", thread, name, argumentText })
  const left = (thread: number, name: string, argumentText: string, result: string) =>
    events.push({ _tag: "Left", thread, name, argumentText, result })
  for (const line of text.split("\n")) {
    const split = unfinished.exec(line)
    if (split !== null) {
      const thread = Number(split[1])
      begun.set(thread, split[3]!)
      entered(thread, split[2]!, split[3]!)
      continue
    }
    const rest = resumed.exec(line)
    if (rest !== null) {
      const thread = Number(rest[1])
      left(thread, rest[2]!, (begun.get(thread) ?? "") + rest[3]!, rest[4]!)
      begun.delete(thread)
      continue
    }
    const call = whole.exec(line)
    if (call === null) continue
    const thread = Number(call[1])
    entered(thread, call[2]!, call[3]!)
    left(thread, call[2]!, call[3]!, call[4]!)
  }
  return events
}

export interface Descriptor {
  readonly number: number
  /** The path of a file, or `TCP:[from->to]`. */
  readonly of: string
}

const described = /^(\d+)<(\w+:\[[^\]]*\]|[^>]*)>/

/** A descriptor at the start of the arguments, or of the result, of a call. */
export function descriptorOf(text: string): Descriptor | undefined {
  const found = described.exec(text)
  return found === null ? undefined : { number: Number(found[1]), of: found[2]! }
}

/** The number a call returned; negative if it failed, or never returned. */
export function returned({ result }: Left): number {
  const number = Number.parseInt(result, 10)
  return Number.isNaN(number) ? -1 : number
}

export const isInjected = (event: Event): event is Left =>
  event._tag === "Left" && event.result.includes("(INJECTED)")
