/**
 * Traces of the model: read as Quint writes them (Informal Trace Format), and kept as text.
 *
 * A line is a step: the move, and each node that it has changed as `NodeView` tells it. What must
 * never happen: a step of the model left out (only `pause`, which changes nothing, is).
 */
import { invariant } from "../../src/domain/Invariant.ts"
import { type EntryView, type NodeView, textOf } from "./NodeView.ts"

/** `peer` 0: the move is of one node alone. */
export interface Move {
  readonly name: string
  readonly node: number
  readonly peer: number
}

export interface Step {
  readonly move: Move
  /** Nodes that look otherwise than before; all of them in the first step, which begins the trace. */
  readonly changed: ReadonlyMap<number, string>
}

export interface Trace {
  /** Variant of the model, seed and number. */
  readonly name: string
  readonly steps: ReadonlyArray<Step>
}

const separator = " | "

export function format({ name, steps }: Trace): string {
  const lines = steps.map(({ changed, move: { name: moved, node, peer } }) =>
    [`${moved} ${node} ${peer}`, ...[...changed].map(([id, text]) => `${id} ${text}`)].join(
      separator
    )
  )
  return [`trace ${name}`, ...lines].join("\n")
}

export function parse(text: string): ReadonlyArray<Trace> {
  return text
    .split(/^trace /m)
    .slice(1)
    .map((block) => {
      const [name, ...lines] = block.trimEnd().split("\n")
      return { name: name!, steps: lines.map(parseStep) }
    })
}

function parseStep(line: string): Step {
  const [moved, ...nodes] = line.split(separator)
  const [name, node, peer] = moved!.split(" ")
  const changed = nodes.map((text) => [Number(text[0]), text.slice(2)] as const)
  return {
    move: { name: name!, node: Number(node), peer: Number(peer) },
    changed: new Map(changed)
  }
}

/** A trace as Quint writes it. */
export function ofItf(name: string, itf: unknown): Trace {
  const steps: Array<Step> = []
  const before = new Map<number, string>()
  for (const state of arrayOf(fieldOf(itf, "states"))) {
    const { last, nodes } = variablesOf(state)
    const move = moveOf(last)
    if (move.name === "pause") continue
    const changed = new Map<number, string>()
    for (const [id, node] of nodes) {
      const text = textOf(viewOf(node))
      if (before.get(id) !== text) changed.set(id, text)
      before.set(id, text)
    }
    steps.push({ move, changed })
  }
  return { name, steps }
}

function variablesOf(state: unknown) {
  const named = Object.entries(recordOf(state)).map(([name, value]) => [
    name.split("::").at(-1),
    value
  ])
  const { last, nodes } = Object.fromEntries(named) as Record<string, unknown>
  const pairs = arrayOf(fieldOf(nodes, "#map")).map((pair) => {
    const [id, node] = arrayOf(pair)
    return [numberOf(id), node] as const
  })
  return { last, nodes: pairs }
}

const moveOf = (last: unknown): Move => ({
  name: String(fieldOf(last, "name")),
  node: numberOf(fieldOf(last, "node")),
  peer: numberOf(fieldOf(last, "peer"))
})

function viewOf(node: unknown): NodeView {
  const log = entriesOf(fieldOf(node, "log"))
  const state = fieldOf(node, "state")
  const applied = numberOf(fieldOf(state, "applied"))
  const cutover = numberOf(fieldOf(state, "cutover"))
  const term = numberOf(fieldOf(node, "term"))
  const leads = fieldOf(node, "leads") === true
  const isOwnNoop = (entry: EntryView) => entry.kind === "Noop" && entry.term === term
  return {
    term,
    leads,
    log,
    base: numberOf(fieldOf(node, "base")),
    commit: numberOf(fieldOf(node, "commit")),
    applied,
    key: numberOf(fieldOf(state, "key")),
    cutover,
    flag: fieldOf(node, "flag") === true,
    isClosed: fieldOf(node, "closed") === true,
    inflight: numberOf(fieldOf(node, "inflight")),
    program: programOf(fieldOf(node, "program")),
    queue: arrayOf(fieldOf(node, "queue")).map(numberOf),
    inbox: entriesOf(fieldOf(node, "inbox")),
    isIntakeOpen: leads && log.slice(0, applied).some(isOwnNoop),
    markerCounts: cutover !== 0 || log.slice(applied).some(({ kind }) => kind === "Marker")
  }
}

function programOf(program: unknown): string {
  const value = fieldOf(program, "value")
  switch (fieldOf(program, "tag")) {
    case "Draining":
      return `draining in ${numberOf(fieldOf(value, "term"))}`
    case "Waiting": {
      const index = numberOf(fieldOf(value, "index"))
      return index === 0
        ? `marker proposed in ${numberOf(fieldOf(value, "term"))}`
        : `marker appended at ${index} in ${numberOf(fieldOf(value, "term"))}`
    }
    default:
      return "idle"
  }
}

const entriesOf = (entries: unknown): ReadonlyArray<EntryView> =>
  arrayOf(entries).map((entry) => ({
    kind: String(fieldOf(fieldOf(entry, "kind"), "tag")) as EntryView["kind"],
    term: numberOf(fieldOf(entry, "term")),
    key: numberOf(fieldOf(entry, "key")),
    isSealed: fieldOf(entry, "sealed") === true
  }))

function recordOf(value: unknown): Record<string, unknown> {
  invariant(typeof value === "object" && value !== null, "a trace is made of records")
  return value as Record<string, unknown>
}

function fieldOf(value: unknown, name: string): unknown {
  const record = recordOf(value)
  invariant(name in record, `a record of the model has the field ${name}`)
  return record[name]
}

function arrayOf(value: unknown): ReadonlyArray<unknown> {
  invariant(Array.isArray(value), "a list of the model is an array")
  return value
}

const numberOf = (value: unknown): number =>
  typeof value === "number" ? value : Number(fieldOf(value, "#bigint"))
