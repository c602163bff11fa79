/**
 * A line of a node's log, for people who watch several nodes at once: time, message, and the fields that
 * are not the same in every line.
 *
 * What is no line of JSON is passed on as it is. Proof: `test/scripts/Start.test.ts`.
 */

interface LogLine {
  readonly timestamp: string
  readonly level: string
  readonly message: string
  readonly annotations: Readonly<Record<string, unknown>>
}

/** The prefix names the node, and the message the event. */
const leftOut: ReadonlySet<string> = new Set(["node", "group", "event"])

export function readable(line: string): string {
  const parsed = parse(line)
  if (parsed === undefined) return line
  const { annotations, level, message, timestamp } = parsed
  const time = timestamp.slice("2026-01-01T".length, -1)
  const severity = level === "INFO" ? [] : [level]
  const fields = Object.entries(annotations)
    .filter(([name]) => !leftOut.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
  return [time, ...severity, message, ...fields].join("  ")
}

function parse(line: string): LogLine | undefined {
  if (!line.startsWith('{"message":')) return undefined
  try {
    return JSON.parse(line) as LogLine
  } catch {
    return undefined
  }
}
