/**
 * What the model of `spec/cutover.qnt` and the real core must agree on of one node, as one line of text.
 *
 * Two nodes are equal if their lines are. Left out is what only one side has: messages on their way,
 * registrations (every opening is registered beforehand), values.
 */

/** `key`: the DEK that a marker names or a rotation brings; 0 is the first, 1 the one after it. */
export interface EntryView {
  readonly kind: "Noop" | "User" | "Rotation" | "Marker"
  readonly term: number
  readonly key: number
  readonly isSealed: boolean
}

export interface NodeView {
  readonly term: number
  readonly leads: boolean
  /** From index 1 on; what was compacted is told by `base` alone. */
  readonly log: ReadonlyArray<EntryView>
  readonly base: number
  readonly commit: number
  readonly applied: number
  readonly key: number
  readonly cutover: number
  /** Is the wrap flag set? */
  readonly flag: boolean
  readonly isClosed: boolean
  readonly inflight: number
  readonly program: string
  /** The terms in which users were admitted that are in no batch yet. */
  readonly queue: ReadonlyArray<number>
  readonly inbox: ReadonlyArray<EntryView>
  readonly isIntakeOpen: boolean
  readonly markerCounts: boolean
}

export function textOf(node: NodeView): string {
  const log = node.log.slice(node.base).map(entryText).join(" ")
  return [
    `${node.leads ? "leader" : "follower"} ${node.term}`,
    `log ${node.base}:[${log}]`,
    `commit ${node.commit}`,
    `applied ${node.applied} key ${node.key} cutover ${node.cutover}`,
    `${node.flag ? "seals" : "plain"} ${node.isClosed ? "closed" : "open"} ${node.inflight}`,
    node.program,
    `queue [${node.queue.join(" ")}] inbox [${node.inbox.map(entryText).join(" ")}]`,
    `intake ${node.isIntakeOpen ? "open" : "shut"}`,
    node.markerCounts ? "a marker counts" : "no marker counts"
  ].join(", ")
}

function entryText({ isSealed, key, kind, term }: EntryView): string {
  const named = kind === "Marker" || kind === "Rotation" ? `/${key}` : ""
  return `${kind[0]}${term}${named}${isSealed ? "*" : ""}`
}
