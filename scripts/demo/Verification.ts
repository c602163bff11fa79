/**
 * What the demonstration looks at in the end: every node by itself, while it runs and when it has stopped.
 */
import { basename } from "node:path"
import * as Effect from "effect/Effect"
import * as Cluster from "../cluster/Cluster.ts"
import * as LogSides from "../cluster/LogSides.ts"
import * as Scenes from "./Scenes.ts"
import * as StoppedDisk from "./StoppedDisk.ts"
import * as Writers from "./Writers.ts"

/** Mutable: what was found on the disks of stopped nodes. */
export class Disks {
  private readonly searched: Array<StoppedDisk.Searched & { readonly hasWholeLog: boolean }> = []
  private readonly logs: Array<LogSides.Sides> = []
  private readonly needles: StoppedDisk.Needles
  private readonly marker: LogSides.Marker

  constructor(needles: StoppedDisk.Needles, marker: LogSides.Marker) {
    this.needles = needles
    this.marker = marker
  }

  /** One that has its whole log must have the control value in it; each must have it in its state. */
  inspect(directory: string, { hasWholeLog }: { readonly hasWholeLog: boolean }) {
    return Effect.gen({ self: this }, function* () {
      const searched = yield* StoppedDisk.search(directory, this.needles)
      this.searched.push({ ...searched, hasWholeLog })
      const place = { nodeName: basename(directory), directory }
      this.logs.push(yield* LogSides.read(place, this.marker))
    })
  }

  findings() {
    return {
      controlFound: this.searched.every(
        ({ controlInLog, controlInState, hasWholeLog }) =>
          controlInState && (controlInLog || !hasWholeLog)
      ),
      canaryInLog: this.searched.some(({ canaryInLog }) => canaryInLog),
      canaryInState: this.searched.some(({ canaryInState }) => canaryInState),
      misplacedEntries: this.logs.reduce((sum, { misplaced }) => sum + misplaced.length, 0)
    }
  }

  /** Why nothing can be said of the logs, if so. */
  unread(): ReadonlyArray<string> {
    return LogSides.undecided(this.logs)
  }
}

/** Reads back, stops the nodes so that they stay where they are, and compares their disks. */
export const verify = Effect.fnUntraced(function* (
  stage: Scenes.Stage,
  played: { readonly disks: Disks; readonly markedWrites: number }
) {
  const { cluster, ledger } = stage
  const leader = yield* cluster.leader
  const nodeNames = [...cluster.nodes.keys()]
  const seen = yield* Effect.forEach(
    nodeNames,
    Effect.fnUntraced(function* (nodeName) {
      const read = yield* Writers.readBack(cluster.endpointOf(nodeName), ledger.acknowledged)
      const { cutoverIndex, phase } = yield* Scenes.encryptionAt(stage, nodeName)
      return { ...read, cutoverIndex, phase }
    })
  )
  // Without followers the leader, which is asked last, appends nothing when it hands over to nobody.
  for (const nodeName of [...nodeNames.filter((name) => name !== leader), leader]) {
    const { code } = yield* cluster.stop(nodeName)
    if (code !== 0) {
      const message = `${nodeName} ended with exit code ${code} when it was stopped`
      return yield* new Scenes.NotAsItMustBe({ message })
    }
  }
  const states = yield* Effect.forEach(nodeNames, (nodeName) =>
    StoppedDisk.readState(cluster.directoryOf(nodeName))
  )
  for (const nodeName of nodeNames) {
    yield* played.disks.inspect(cluster.directoryOf(nodeName), { hasWholeLog: false })
  }
  const [message] = played.disks.unread()
  if (message !== undefined) return yield* new Scenes.NotAsItMustBe({ message })
  const distinct = new Set(states.map((state) => JSON.stringify(state)))
  const isWhole = states.every(({ rowCount }) => rowCount > ledger.acknowledged.length)
  const most = (of: (one: (typeof seen)[number]) => number) => Math.max(...seen.map(of))
  const asked = ledger.acknowledged.length + ledger.unanswered + played.markedWrites
  return {
    nodes: seen.length,
    lost: most(({ lost }) => lost),
    wrong: most(({ wrong }) => wrong),
    twice: most(({ repeated, revision }) => Math.max(repeated, revision - asked, 0)),
    phase: Math.min(...seen.map(({ phase }) => phase)),
    cutoverIndex:
      new Set(seen.map(({ cutoverIndex }) => cutoverIndex)).size === 1 ? seen[0]!.cutoverIndex : 0,
    statesEqual: isWhole && distinct.size === 1,
    leaderChanges: Cluster.leaderChanges(cluster.ended)
  }
})
