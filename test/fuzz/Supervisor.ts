/**
 * Runs decoders in a process of their own, one after the other, and watches that each input gets its
 * verdict: a process that hangs is killed, one that ends by itself has crashed, and both go on with the
 * next input.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { closeSync } from "node:fs"
import { join } from "node:path"
import type * as Campaign from "./Campaign.ts"
import * as CurrentInput from "./CurrentInput.ts"

export interface Assignment {
  readonly decoder: string
  readonly seed: number
  readonly inputs: number
  readonly skip: ReadonlyArray<number>
}

export interface Options {
  readonly seed: number
  /** Of each decoder. */
  readonly inputs: number
  /** An input without a verdict for so long hangs. */
  readonly hangMillis: number
}

const program = join(import.meta.dirname, "FuzzProcess.ts")
const memoryMebibytesMax = 1024
const saidLengthMax = 2_000
/** Of one decoder; then it is given up. */
const endingsMax = 3

export async function run(decoder: string, options: Options): Promise<Campaign.Outcome> {
  const endings: Array<Campaign.Finding> = []
  for (;;) {
    const skip = endings.map(({ number }) => number)
    const ended = await runOnce({ decoder, skip, ...options })
    if ("findings" in ended) return { ...ended, findings: [...endings, ...ended.findings] }
    endings.push(ended)
    if (endings.length === endingsMax) {
      return { decoder, inputs: ended.number + 1, accepted: 0, reached: 0, findings: endings }
    }
  }
}

/** Until the end, or until an input that has no verdict. */
async function runOnce({
  hangMillis,
  ...assigned
}: Options & Assignment): Promise<Campaign.Outcome | Campaign.Finding> {
  const descriptor = CurrentInput.open()
  const child = fork(program, [JSON.stringify(assigned satisfies Assignment)], {
    execArgv: [`--max-old-space-size=${memoryMebibytesMax}`],
    // The fourth is `CurrentInput.inherited`.
    stdio: ["ignore", "ignore", "pipe", descriptor, "ipc"]
  })
  let outcome: Campaign.Outcome | undefined
  let isHanging = false
  let said = ""
  let seen = 0
  child.once("message", (message) => (outcome = message as Campaign.Outcome))
  child.stderr!.setEncoding("utf8").on("data", (text) => {
    said = `${said}${text}`.slice(0, saidLengthMax)
  })
  const watch = setInterval(() => {
    const { count } = CurrentInput.read(descriptor)
    // Before the first input it is not the decoder that takes its time.
    isHanging = outcome === undefined && count > 0 && count === seen
    if (isHanging) child.kill("SIGKILL")
    seen = count
  }, hangMillis)
  try {
    // After the last message too.
    const [code, signal] = (await once(child, "close")) as [number | null, string | null]
    if (outcome !== undefined) return outcome
    const how = `${signal ?? `exit code ${code}`} ${said.trim()}`.trim()
    const { bytes, count, number } = CurrentInput.read(descriptor)
    if (count === 0) throw new Error(`a decoder's process ended before its first input: ${how}`)
    const hex = Buffer.from(bytes).toString("hex")
    const found = { decoder: assigned.decoder, number, hex }
    return isHanging
      ? { ...found, kind: "hang", says: `no verdict in ${hangMillis} ms` }
      : { ...found, kind: "crash", says: `ended the process: ${how}` }
  } finally {
    clearInterval(watch)
    closeSync(descriptor)
  }
}
