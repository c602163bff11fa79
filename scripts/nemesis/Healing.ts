/**
 * After the faults: everything works again, the cluster must go on within a bound, and every key is read
 * on every node.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { NodeName } from "../../src/domain/Ids.ts"
import type { RangePage } from "../../src/services/KvStore.ts"
import { answered } from "../cluster/Asking.ts"
import * as Calls from "./Calls.ts"
import type { Nodes } from "./Nodes.ts"
import { type Operator, until } from "./Operator.ts"
import type { Recorder } from "./Recorder.ts"

/** It does not do what it must. */
export class NotHealed extends Data.TaggedError("NotHealed")<{ readonly message: string }> {}

/** From the moment on that nothing is wrong any more. */
const progressMillisMax = 20_000
const readMillisMax = 20_000

/** Else the cluster does not go on, which it must. */
export const within = (what: string, millis = progressMillisMax) =>
  Effect.timeoutOrElse({
    duration: millis,
    orElse: () => Effect.fail(new NotHealed({ message: `${what} within ${millis} ms` }))
  })

/** Returns when each member has taken a write; `leaving` are members no more then. */
export const heal = Effect.fnUntraced(function* (
  nodes: Nodes,
  operator: Operator,
  recorder: Recorder,
  leaving: ReadonlySet<NodeName> = new Set()
) {
  nodes.links.heal()
  nodes.clientLinks.heal()
  const each = { concurrency: "unbounded", discard: true } as const
  yield* Effect.forEach(nodes.names(), (name) => nodes.signal(name, "SIGCONT"), each)
  yield* Effect.forEach(nodes.names().filter(nodes.isKilled), nodes.restart, each)
  yield* accepted(nodes, operator, recorder, "anybody", undefined).pipe(
    within("no node takes a write")
  )
  yield* Effect.forEach(leaving, (name) => left(nodes, operator, name), { discard: true })
  yield* dismissed(nodes, operator)
  const [ended] = nodes.endedByThemselves()
  if (ended !== undefined) return yield* new NotHealed({ message: ended })
  yield* Effect.forEach(
    nodes.names(),
    (name) =>
      Effect.andThen(nodes.ready(name), accepted(nodes, operator, recorder, name, name)).pipe(
        within(`${name} takes no write`)
      ),
    each
  )
})

/** Writes at one node, or at any, until a write is acknowledged. */
const accepted = (
  nodes: Nodes,
  { way }: Operator,
  recorder: Recorder,
  client: string,
  nodeName: string | undefined
) => {
  let attempts = 0
  const at = nodeName === undefined ? undefined : nodes.endpointOf(nodeName)
  return until(
    Effect.suspend(() => {
      attempts += 1
      const [key, value] = [`healed-${client}`, `healed-${client}.${attempts}`]
      const asked = {
        ...{ client, isInSession: false },
        writes: [{ _tag: "Put", key, value } as const]
      }
      const put = way.call((to) => Calls.put(to, key, value), at)
      return Effect.map(recorder.run(asked, put), ({ answer }) => answer !== undefined)
    })
  )
}

/**
 * Whether a removal that was given up is done nobody knows, nor when: so it is ordered until it is. What
 * a node that was away still has in hand of it finds nothing to remove.
 */
const left = (nodes: Nodes, operator: Operator, name: NodeName) =>
  operator
    .removed(name)
    .pipe(
      within(`${name} is not removed`),
      Effect.andThen(nodes.names().includes(name) ? nodes.dismiss(name) : Effect.void)
    )

/** Nodes that are no members, because they were not let in in time, are ended. */
const dismissed = Effect.fnUntraced(function* (nodes: Nodes, operator: Operator) {
  const leader = yield* named(operator)
  const rows = yield* operator.way.call(({ members }) => members, nodes.endpointOf(leader))
  const members = new Set<string>(rows.map(({ nodeName }) => nodeName))
  for (const name of nodes.names().filter((name) => !members.has(name))) {
    yield* nodes.dismiss(name)
  }
})

const named = (operator: Operator) => answered(operator.leader).pipe(within("no node leads"))

/** Each key on each node, linearizable; every read is part of the history. */
export const readAll = (
  nodes: Nodes,
  { way }: Operator,
  recorder: Recorder,
  keys: ReadonlyArray<string>
) =>
  Effect.forEach(
    nodes.names(),
    (nodeName) =>
      Effect.forEach(
        keys,
        (key) => {
          const asked = { client: `reader of ${nodeName}`, writes: [], isInSession: false }
          const get = way.call((to) => Calls.get(to, key), nodes.endpointOf(nodeName))
          return until(Effect.map(recorder.run(asked, get), ({ answer }) => answer !== undefined))
        },
        { concurrency: 8, discard: true }
      ).pipe(within(`${nodeName} does not answer every read`, readMillisMax)),
    { concurrency: "unbounded", discard: true }
  )

/**
 * What each node holds itself, without asking the others; nothing changes it any more. Returns the
 * revision, once it is that of all, and what differs then.
 */
export const replicas = Effect.fnUntraced(function* (nodes: Nodes, { way }: Operator) {
  const heldOf = Effect.fnUntraced(function* (nodeName: string) {
    const page = (continuation: Uint8Array | undefined) =>
      way.call(
        (to) => to.range({ span: everything, limit: pageEntries, continuation, stale: true }),
        nodes.endpointOf(nodeName)
      )
    return { nodeName, ...(yield* allPages(page)) }
  })
  const held = yield* answered(
    Effect.map(Effect.forEach(nodes.names(), heldOf), (all) =>
      new Set(all.flatMap(({ revisions }) => revisions)).size === 1 ? all : undefined
    )
  ).pipe(within("the members are not of one revision", readMillisMax))
  const [first, ...others] = held
  const lastRevision = first!.revisions[0]!
  return {
    lastRevision,
    differing: others
      .filter(({ text }) => text !== first!.text)
      .map(
        ({ nodeName }) => `${nodeName} and ${first!.nodeName} differ at revision ${lastRevision}`
      )
  }
})

/** Small enough that most episodes need several pages. */
const pageEntries = 50

/** All that is held, and the revision of each page. */
export const allPages = Effect.fnUntraced(function* <E>(
  page: (continuation: Uint8Array | undefined) => Effect.Effect<RangePage, E>
) {
  const texts: Array<string> = []
  const revisions: Array<number> = []
  let continuation: Uint8Array | undefined
  do {
    const next = yield* page(continuation)
    texts.push(textOf(next))
    revisions.push(next.revision)
    continuation = next.continuation
  } while (continuation !== undefined)
  return { text: texts.join("\n"), revisions }
})

const everything = { _tag: "Prefix", prefix: new Uint8Array() } as const

const textOf = ({ entries }: RangePage): string =>
  JSON.stringify(entries.map(({ key, revision, value }) => [hexOf(key), revision, hexOf(value)]))
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
