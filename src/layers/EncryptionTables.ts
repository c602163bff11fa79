/**
 * The status of encryption on every member, as tables for people: the nodes, the keys as each node has
 * them, and the last cutover of those that ran one (SPEC §12).
 *
 * What must never happen: a node left out because it did not answer. Proof:
 * `test/layers/EncryptionTables.test.ts`.
 */
import type { EncryptionStatus, SurveyedNode } from "../domain/api/AdminApi.ts"
import * as CutoverTimings from "../domain/cutover/CutoverTimings.ts"
import * as CommandOutput from "./CommandOutput.ts"

type Row = ReadonlyArray<string | number>

interface Answered {
  readonly node: SurveyedNode
  readonly status: EncryptionStatus
}

export const textOf = (nodes: ReadonlyArray<SurveyedNode>): string => {
  const answered = nodes.flatMap(
    (node): ReadonlyArray<Answered> =>
      node.status === undefined ? [] : [{ node, status: node.status }]
  )
  const tables = [nodesTable(nodes), keysTable(answered), cutoversTable(answered)]
  return tables
    .filter((rows) => rows.length > 1)
    .map(CommandOutput.columns)
    .concat(silentNodes(nodes))
    .join("\n\n")
}

const nodesTable = (nodes: ReadonlyArray<SurveyedNode>): ReadonlyArray<Row> => [
  ["member", "name", "", "phase", "KEK", "values", "entries", "flag", "barrier", "writer", "epoch"],
  ...nodes.map(({ id, isLeader, nodeName, role, status }): Row => {
    const part = isLeader ? `${role}, leader` : role
    return status === undefined
      ? [id, nodeName, part, "no answer"]
      : [id, nodeName, part, ...stateOf(status)]
  })
]

const stateOf = (status: EncryptionStatus): Row => [
  status.phase,
  status.hasKek ? "loaded" : "none",
  since(status.storageEnvelopeIndex),
  since(status.cutoverIndex),
  status.isWrapFlagSet ? "set" : "clear",
  status.isBarrierClosed ? "closed" : "open",
  status.writerId ?? "-",
  epochOf(status)
]

const since = (index: number) => (index === 0 ? "plain" : `sealed > ${index}`)

/** Of this opening, and what the registry has of the writer if that is another one. */
const epochOf = ({ localEpoch, registeredEpoch }: EncryptionStatus): string => {
  if (registeredEpoch === undefined) return localEpoch === undefined ? "-" : `${localEpoch}, new`
  if (localEpoch === registeredEpoch) return `${localEpoch}`
  return `${localEpoch ?? "-"}, registered ${registeredEpoch}`
}

/** One row for each key, one column for each node: what differs is seen. */
const keysTable = (answered: ReadonlyArray<Answered>): ReadonlyArray<Row> => {
  const keys = new Map(answered.flatMap(({ status }) => status.keys.map((key) => [key.id, key])))
  const ascending = [...keys.values()].toSorted((a, b) => a.createdIndex - b.createdIndex)
  return [
    ["key", "purpose", "created at", ...answered.map(({ node }) => `at ${node.nodeName}`)],
    ...ascending.map(({ createdIndex, id, purpose }) => [
      id,
      purpose,
      createdIndex,
      ...answered.map(({ status }) => {
        const key = status.keys.find((other) => other.id === id)
        if (key === undefined) return "none"
        return `${key.isActive ? "active" : "reading"}, age ${key.ageEntries}`
      })
    ])
  ]
}

const cutoversTable = (answered: ReadonlyArray<Answered>): ReadonlyArray<Row> => [
  ["cutover at", "term", "end", ...CutoverTimings.steps, "barrier closed"],
  ...answered.flatMap(({ node, status: { lastCutover } }) => {
    if (lastCutover === undefined) return []
    const { ended, stepMillis, term } = lastCutover
    const steps = CutoverTimings.steps.map((step) => millis(stepMillis[step]))
    const end = ended?.end ?? "running"
    return [[node.nodeName, term, end, ...steps, millis(ended?.barrierClosedMillis)]]
  })
]

const millis = (value: number | undefined) => (value === undefined ? "-" : `${value.toFixed(1)} ms`)

const silentNodes = (nodes: ReadonlyArray<SurveyedNode>): ReadonlyArray<string> => {
  const lines = nodes.flatMap(({ nodeName, unanswered }) =>
    unanswered === undefined ? [] : [`${nodeName} did not answer: ${unanswered.message}`]
  )
  return lines.length === 0 ? [] : [lines.join("\n")]
}
