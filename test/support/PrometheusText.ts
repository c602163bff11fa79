/**
 * A strict reader of the Prometheus text format 0.0.4, after its public description.
 *
 * It refuses what a lenient scraper would let through: a family without HELP or TYPE, or in two
 * pieces, a series twice, a counter that does not end in `_total`, buckets that do not add up.
 */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly help: string
  readonly type: "counter" | "gauge" | "histogram"
  readonly samples: Array<Sample>
}

export type Scrape = ReadonlyMap<string, Family>

const wrong = (reason: string, line: string): never => {
  throw new Error(`${reason}: ${JSON.stringify(line)}`)
}

export function parse(text: string): Scrape {
  if (!text.endsWith("\n")) wrong("the last line has no end", text.slice(-80))
  const families = new Map<string, Family>()
  const seen = new Set<string>()
  const state: Reading = { help: undefined, family: undefined }
  for (const line of text.slice(0, -1).split("\n")) {
    if (line.startsWith("#")) readComment(line, state, families)
    else readSample(line, state, seen)
  }
  for (const family of families.values()) check(family)
  return families
}

interface Reading {
  help: { readonly name: string; readonly text: string } | undefined
  family: Family | undefined
}

function readComment(line: string, state: Reading, families: Map<string, Family>): void {
  const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (\S.*)$/.exec(line)
  if (help !== null) {
    state.help = { name: help[1]!, text: help[2]! }
    state.family = undefined
    return
  }
  const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/.exec(line)
  if (type === null) return wrong("neither HELP nor TYPE", line)
  const name = type[1]!
  if (state.help?.name !== name) wrong("TYPE without HELP right before it", line)
  if (families.has(name)) wrong("a family in two pieces", line)
  const family = { name, help: state.help!.text, type: type[2] as Family["type"], samples: [] }
  families.set(name, family)
  state.family = family
}

const sampleName = /^([a-zA-Z_:][a-zA-Z0-9_:]*)/
const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/
const number = /^[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)$/

function readSample(line: string, { family }: Reading, seen: Set<string>): void {
  const name = sampleName.exec(line)?.[1] ?? wrong("no name", line)
  const labels: Record<string, string> = {}
  let rest = line.slice(name.length)
  if (rest.startsWith("{")) {
    do {
      const found = label.exec(rest.slice(1)) ?? wrong("no label", line)
      if (found[1]! in labels) wrong("a label twice", line)
      labels[found[1]!] = found[2]!
      rest = rest.slice(1 + found[0].length)
    } while (rest.startsWith(","))
    if (!rest.startsWith("}")) wrong("labels that do not end", line)
    rest = rest.slice(1)
  }
  if (!rest.startsWith(" ") || !number.test(rest.slice(1))) wrong("no value", line)
  if (family === undefined) return wrong("a sample without a family", line)
  const isOfFamily =
    family.type === "histogram"
      ? ["_bucket", "_sum", "_count"].some((suffix) => name === family.name + suffix)
      : name === family.name
  if (!isOfFamily) wrong(`a sample in the family ${family.name}`, line)
  const series = line.slice(0, line.lastIndexOf(" "))
  if (seen.has(series)) wrong("a series twice", line)
  seen.add(series)
  family.samples.push({ name, labels, value: Number(rest.slice(1).replace("Inf", "Infinity")) })
}

function check(family: Family): void {
  const { name, samples, type } = family
  if (samples.length === 0) wrong("a family without a sample", name)
  if (type !== "histogram") {
    if ((type === "counter") !== name.endsWith("_total")) wrong(`a ${type} of that name`, name)
    if (type === "counter" && samples.some(({ value }) => value < 0))
      wrong("a negative count", name)
    return
  }
  const ofSeries = new Map<string, Array<Sample>>()
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels
    const key = JSON.stringify(labels)
    ofSeries.set(key, [...(ofSeries.get(key) ?? []), sample])
  }
  for (const [key, series] of ofSeries) checkHistogram(`${name}${key}`, series)
}

function checkHistogram(series: string, samples: ReadonlyArray<Sample>): void {
  const buckets = samples.filter(({ name }) => name.endsWith("_bucket"))
  const bounds = buckets.map(({ labels }) => Number(labels.le?.replace("Inf", "Infinity")))
  const counts = buckets.map(({ value }) => value)
  const ascends = (numbers: ReadonlyArray<number>, isStrict: boolean) =>
    numbers.every((n, at) => at === 0 || (isStrict ? numbers[at - 1]! < n : numbers[at - 1]! <= n))
  if (!ascends(bounds, true) || bounds.at(-1) !== Number.POSITIVE_INFINITY) {
    wrong("bounds that do not ascend to +Inf", series)
  }
  if (!ascends(counts, false)) wrong("buckets that do not add up", series)
  const count = samples.find(({ name }) => name.endsWith("_count"))?.value
  if (count !== counts.at(-1)) wrong("a count that is not that of +Inf", series)
  if (!samples.some(({ name }) => name.endsWith("_sum"))) wrong("no sum", series)
}

/** The value of the one series with these labels among its own; fails if there is not just one. */
export function valueOf(
  scrape: Scrape,
  name: string,
  labels: Readonly<Record<string, string>> = {}
): number {
  const family = scrape.get(name) ?? scrape.get(name.replace(/_(bucket|sum|count)$/, ""))
  const found = (family?.samples ?? []).filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
  )
  if (found.length !== 1) wrong(`${found.length} series`, `${name}${JSON.stringify(labels)}`)
  return found[0]!.value
}
