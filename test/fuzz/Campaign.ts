/**
 * Feeds one decoder: its seeds and extremes, then mutations of what has reached something new.
 *
 * Deterministic: the same decoder, seed and number of an input are the same bytes, however many inputs
 * come after it. What must never happen: a finding that is not told. Proof: `Fuzz.test.ts`, with
 * decoders that are wrong on purpose.
 */
import { getHeapStatistics } from "node:v8"
import { seededNumbers } from "../support/SeededNumbers.ts"
import type { Decoder, Verdict } from "./Decoder.ts"
import { mutated } from "./Mutation.ts"

/**
 * - `crash`: it threw, ended the process, or took memory beyond the size of its input.
 * - `hang`: no verdict in time.
 * - `untyped`: a refusal it does not declare, a second spelling, two verdicts, a seed refused.
 */
export type Kind = "crash" | "hang" | "untyped"

export interface Finding {
  readonly decoder: string
  readonly kind: Kind
  /** Of the input, from 0. */
  readonly number: number
  readonly says: string
  /** The beginning of the input. */
  readonly hex: string
}

export interface Outcome {
  readonly decoder: string
  readonly inputs: number
  readonly accepted: number
  /** Verdicts that differ. */
  readonly reached: number
  readonly findings: ReadonlyArray<Finding>
}

export interface Options {
  readonly seed: number
  readonly inputs: number
  /** Numbers of inputs that are made and not run: each has hung or ended the process before. */
  readonly skip?: ReadonlyArray<number>
  /** Called before the decoder sees an input. */
  readonly watch?: (number: number, bytes: Uint8Array) => void
}

const keptMax = 400
/** Then a decoder is wrong enough. */
const findingsMax = 20
/** What the runtime takes for itself, and how much a byte may become as a value. */
const memorySlack = 8 * 1024 * 1024
const memoryPerByte = 128

export function run(decoder: Decoder, options: Options): Outcome {
  const { inputs, seed, skip = [], watch = () => {} } = options
  const { seeds } = decoder
  const random = seededNumbers(seed ^ hashOf(decoder.name))
  const pieces = seededNumbers(seed + 1)
  const first = [...seeds, ...(decoder.extremes?.() ?? [])]
  const kept: Array<Uint8Array> = [...seeds]
  const reached = new Set<string>()
  const findings: Array<Finding> = []
  let accepted = 0
  let number = 0
  for (; number < inputs && findings.length < findingsMax; number++) {
    const { body, bytes } = nextInput(decoder, random, number < first.length ? first[number] : kept)
    if (skip.includes(number)) continue
    watch(number, bytes)
    const judged = judge(decoder, bytes, () => decoder.run(bytes, pieces))
    if (judged.finding !== undefined) {
      const hex = Buffer.from(bytes.subarray(0, 300)).toString("hex")
      findings.push({ decoder: decoder.name, number, hex, ...judged.finding })
    }
    if (judged.verdict?._tag === "Accepted") accepted += 1
    else if (number < seeds.length && judged.finding === undefined) {
      const says = `refuses its own seed: ${featureOf(judged.verdict)}`
      findings.push({ decoder: decoder.name, number, hex: "", kind: "untyped", says })
    }
    const feature = featureOf(judged.verdict)
    if (reached.has(feature)) continue
    reached.add(feature)
    if (number >= first.length && kept.length < keptMax) kept.push(body)
  }
  return { decoder: decoder.name, inputs: number, accepted, reached: reached.size, findings }
}

/** One input: as it is given, or changed from one that was kept. */
function nextInput(
  { seal = (body) => body }: Decoder,
  random: ReturnType<typeof seededNumbers>,
  from: Uint8Array | ReadonlyArray<Uint8Array> | undefined
): { readonly body: Uint8Array; readonly bytes: Uint8Array } {
  if (from instanceof Uint8Array) return { body: from, bytes: seal(from) }
  const kept = from ?? []
  const base = kept[random.below(kept.length)]!
  const other = kept[random.below(kept.length)]!
  // One in five is not made right again.
  const isRaw = random.below(5) === 0
  const body = mutated(isRaw ? seal(base) : base, random, other)
  return isRaw ? { body: base, bytes: body } : { body, bytes: seal(body) }
}

interface Judged {
  readonly verdict: Verdict | undefined
  readonly finding: Pick<Finding, "kind" | "says"> | undefined
}

function judge(decoder: Decoder, bytes: Uint8Array, decode: () => Verdict): Judged {
  const before = memoryInUse()
  let verdict: Verdict
  try {
    verdict = decode()
  } catch (cause) {
    const says = `threw ${cause instanceof Error ? cause.stack?.slice(0, 400) : String(cause)}`
    return { verdict: undefined, finding: { kind: "crash", says } }
  }
  const taken = memoryInUse() - before
  if (taken > memorySlack + memoryPerByte * bytes.length) {
    const says = `took ${taken} bytes of memory for ${bytes.length} bytes`
    return { verdict, finding: { kind: "crash", says } }
  }
  const says = wrongIn(decoder, bytes, verdict)
  return { verdict, finding: says === undefined ? undefined : { kind: "untyped", says } }
}

function wrongIn({ refusals }: Decoder, bytes: Uint8Array, verdict: Verdict): string | undefined {
  switch (verdict._tag) {
    case "Contradiction":
      return verdict.says
    case "Refused":
      return refusals.includes(verdict.refusal)
        ? undefined
        : `refuses with ${verdict.refusal}, which it does not declare`
    case "Accepted": {
      const { spelling } = verdict
      if (spelling === undefined || Buffer.compare(spelling, bytes) === 0) return undefined
      return `accepts a second spelling; the value is written as ${Buffer.from(spelling.subarray(0, 300)).toString("hex")}`
    }
  }
}

const memoryInUse = (): number => {
  const { external_memory, used_heap_size } = getHeapStatistics()
  return external_memory + used_heap_size
}

function featureOf(verdict: Verdict | undefined): string {
  if (verdict === undefined) return "threw"
  if (verdict._tag === "Accepted") return `accepted ${verdict.kind}`
  return verdict._tag === "Refused" ? `${verdict.refusal} ${verdict.reached}` : verdict.says
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
  return hash >>> 0
}
