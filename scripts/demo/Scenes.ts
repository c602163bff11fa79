/**
 * What happens to the cluster while its clients write, one scene after the other.
 *
 * Everything is done as an operator would: processes are started, killed and wiped, nodes are asked.
 * Each scene waits on what nodes and clients answer, never on time alone.
 */
import { randomBytes } from "node:crypto"
import { rm } from "node:fs/promises"
import { performance } from "node:perf_hooks"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import { NodeName } from "../../src/domain/Ids.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Cluster from "../cluster/Cluster.ts"
import * as NodeProcess from "./NodeProcess.ts"
import type * as Writers from "./Writers.ts"

/** The demonstration did not show what it is to show. */
export class NotAsItMustBe extends Data.TaggedError("NotAsItMustBe")<{
  readonly message: string
}> {}

export interface Stage {
  readonly cluster: Effect.Success<ReturnType<typeof Cluster.start>>
  readonly ledger: Writers.Ledger
  /** Asks whichever node answers. */
  readonly operator: RpcClientSocket.Client
  readonly say: (text: string) => Effect.Effect<void>
  readonly wrongKekFile: string
}

const secret = (name: string) => `${name}-${randomBytes(24).toString("hex")}`
/** A write whose bytes are looked for on disk. */
const marked = (name: string) => ({ key: secret(`${name}-key`), value: secret(`${name}-value`) })

/** Each part before the cutover lasts at least this many writes. */
const writesPerPart = 550
/** Of the scenes after the cutover. */
const writesPerScene = 120
/** The log of a node that was restarted forgets what is older: who joins then needs a snapshot. */
const compactionEntries = 150
const compacting = [
  ...["--compaction-entries", `${compactionEntries}`],
  ...["--compaction-tail-entries", "100"]
]

const otherThan = ({ cluster }: Stage, ...names: ReadonlyArray<string>) =>
  [...cluster.nodes.keys()].filter((name) => !names.includes(name))

/** Of that node, as it says itself. */
export const encryptionAt = ({ cluster }: Stage, nodeName: string) =>
  RpcClientSocket.connect(cluster.endpointOf(nodeName)).pipe(
    Effect.flatMap(({ encryptionStatus }) => encryptionStatus),
    Effect.scoped
  )

/** The key that entries above the marker are sealed under. */
export const raftKeyOf = Effect.fnUntraced(function* ({ operator }: Stage) {
  const { keys } = yield* operator.encryptionStatus
  const active = keys.find(({ isActive, purpose }) => isActive && purpose === "raft")
  if (active === undefined) return yield* new NotAsItMustBe({ message: "there is no raft key" })
  return { raftKeyId: active.id }
})

/** On a machine that is too busy, members do not answer in time: then nothing was done. */
const isForNow = ({ _tag }: { readonly _tag: string }) =>
  _tag === "CapabilityCheckFailed" || _tag === "DrainTimedOut"
const commandsMax = 10

/** As an operator would who is told to try again; nothing else is tried again. */
const insist = <A, E extends { readonly _tag: string; readonly message: string }>(
  { say }: Stage,
  command: Effect.Effect<A, E>
) =>
  command.pipe(
    Effect.tapError(({ message }) => say(`refused: ${message}`)),
    Effect.retry({ while: isForNow, times: commandsMax })
  )

/** Returns what is to be looked for on disks later. */
export const enterPhaseOne = Effect.fnUntraced(function* (stage: Stage) {
  const { ledger, operator, say } = stage
  const control = marked("control")
  yield* operator.put(control.key, control.value)
  yield* say("phase 0: all is in clear, also a control value; the clients write on")
  yield* ledger.more(writesPerPart)
  const { index } = yield* insist(stage, operator.enableStorageEnvelope)
  yield* say(`phase 1: storage envelope enabled at index ${index}; the writes go on`)
  yield* ledger.more(writesPerPart)
  return control
})

/** As an operator would, on the command line: may it be done? Nothing is, whatever the answer. */
export const rehearse = Effect.fnUntraced(function* (stage: Stage) {
  const { cluster, operator, say } = stage
  const asked = Endpoint.format(cluster.endpointOf(otherThan(stage, yield* cluster.leader)[0]!))
  const { stdout } = yield* NodeProcess.run(
    ...["encryption", "enable-raft-envelope", "--dry-run", "--json", "--endpoint", asked]
  ).pipe(
    Effect.tap(({ code, stderr }) => (code === 0 ? Effect.void : say(`refused: ${stderr.trim()}`))),
    Effect.repeat({ until: ({ code }) => code === 0, times: commandsMax })
  )
  const { accepted, nodes } = JSON.parse(stdout) as {
    readonly accepted: boolean
    readonly nodes: ReadonlyArray<{ readonly nodeName: string; readonly answer: string }>
  }
  const { phase } = yield* operator.encryptionStatus
  const answers = nodes.map(({ answer, nodeName }) => `${nodeName} ${answer}`).join(", ")
  yield* say(`dry run of the cutover: ${answers}; still phase ${phase}`)
  const isByAll = cluster.nodes.size === nodes.filter(({ answer }) => answer === "ok").length
  return accepted && isByAll && phase === 1
})

/** Cuts over, asked of a follower, and kills the leader as soon as it is answered. */
export const cutOver = Effect.fnUntraced(function* (stage: Stage) {
  const { cluster, ledger, say } = stage
  const leader = yield* cluster.leader
  const follower = otherThan(stage, leader)[0]!
  const operator = yield* RpcClientSocket.connect(cluster.endpointOf(follower))
  const askedAt = performance.now()
  const done = yield* insist(stage, operator.enableRaftEnvelope)
  const interval = { askedAt, answeredAt: performance.now() }
  const sealedMark = secret("sealed")
  ledger.mark = sealedMark
  yield* cluster.kill(leader)
  const { barrierClosedMillis, cutoverIndex } = done
  yield* say(
    `phase 2: asked of ${follower}, cut over at index ${cutoverIndex}, barrier closed for ${barrierClosedMillis.toFixed(1)} ms`
  )
  yield* say(`${leader}, which led, was killed with SIGKILL right after the marker`)
  return { cutoverIndex, barrierClosedMillis, interval, leader, sealedMark }
}, Effect.scoped)

/** The others go on; the killed node comes back. */
export const survive = Effect.fnUntraced(function* (stage: Stage, killed: string) {
  const { cluster, ledger, operator, say } = stage
  const canary = marked("canary")
  yield* operator.put(canary.key, canary.value)
  const successor = yield* cluster.leader
  yield* say(`${successor} leads now; the writes go on`)
  const again = yield* operator.enableRaftEnvelope
  yield* ledger.more(writesPerScene)
  return { canary, again, restart: cluster.restart(killed, { flags: compacting }) }
})

/** A node is stopped, and started with a KEK that its keys are not wrapped under; then with the right one. */
export const giveWrongKek = Effect.fnUntraced(function* (stage: Stage, spared: string) {
  const { cluster, ledger, say, wrongKekFile } = stage
  const leader = yield* cluster.leader
  const nodeName = otherThan(stage, leader, spared)[0]!
  const { keys } = yield* encryptionAt(stage, nodeName)
  yield* cluster.stop(nodeName)
  const wrong = yield* cluster.attempt(nodeName, { kekFile: wrongKekFile, flags: compacting })
  const { code, stderr, stdout } = yield* wrong.end
  const isNamed = keys.every(({ id }) => stderr.includes(`${id}`))
  const isRefused = code === 1 && stdout === "" && stderr.includes("does not unwrap") && isNamed
  yield* say(`${nodeName} under the wrong KEK: exit code ${code}, ${stderr.trim()}`)
  yield* ledger.more(writesPerScene)
  yield* cluster.restart(nodeName, { flags: compacting })
  yield* say(`${nodeName} serves again, under the right one`)
  // Whoever leads then has forgotten the beginning of the log.
  const isLongEnough = Effect.map(
    Cluster.statusAt(cluster.endpointOf(nodeName)),
    ({ lastIndex }) => (lastIndex > 2 * compactionEntries ? lastIndex : undefined)
  )
  yield* Cluster.until("log that is long enough", isLongEnough)
  return { nodeName, isRefused }
})

/** A node that was stopped loses its disk, and is no member any more. */
export const wipe = Effect.fnUntraced(function* (stage: Stage, nodeName: string) {
  const { cluster, ledger, operator, say } = stage
  yield* Effect.promise(() => rm(cluster.directoryOf(nodeName), { recursive: true }))
  yield* Cluster.until("removal", Effect.as(operator.removeMember(NodeName.make(nodeName)), true))
  yield* say(`${nodeName} was stopped, wiped and removed; the writes go on`)
  yield* ledger.more(writesPerScene)
})

/** With an empty disk it joins as a learner, gets a snapshot, and votes in the end. */
export const rejoin = Effect.fnUntraced(function* (stage: Stage, nodeName: string) {
  const { cluster, ledger, operator, say } = stage
  const member = otherThan(stage, nodeName)[0]!
  const peer = cluster.peerOf(nodeName)
  const flags = ["--join", cluster.peerOf(member), "--peer-listen", peer]
  const joining = yield* cluster.attempt(nodeName, { flags })
  const address = Endpoint.parse(peer)!
  const newcomer = { nodeName: NodeName.make(nodeName), address, learner: true }
  yield* Cluster.until("admission", Effect.as(operator.addMember(newcomer), true))
  yield* joining.said(/event=SnapshotInstalled/)
  yield* cluster.admit(nodeName, joining)
  const { commitIndex } = yield* Cluster.statusAt(cluster.endpointOf(yield* cluster.leader))
  const appliedIndex = yield* Cluster.until(
    "learner that has caught up",
    appliedAt(stage, nodeName, commitIndex)
  )
  yield* say(`${nodeName} is a learner: it installed a snapshot and caught up`)
  yield* ledger.more(writesPerScene)
  yield* Cluster.until("promotion", Effect.as(operator.promoteMember(newcomer.nodeName), true))
  yield* say(`${nodeName} votes again; the writes go on`)
  yield* ledger.more(writesPerScene)
  return appliedIndex >= commitIndex
})

/** Has it applied that index? */
const appliedAt = ({ cluster }: Stage, nodeName: string, index: number) =>
  Effect.map(Cluster.statusAt(cluster.endpointOf(nodeName)), ({ appliedIndex }) =>
    appliedIndex >= index ? appliedIndex : undefined
  )

/** Returns once nobody writes any more and all nodes have applied the same. */
export const settle = Effect.fnUntraced(function* ({ cluster }: Stage) {
  yield* Cluster.until(
    "equal applied indexes",
    Effect.gen(function* () {
      const statuses = yield* Effect.forEach(cluster.nodes.keys(), (nodeName) =>
        Cluster.statusAt(cluster.endpointOf(nodeName))
      )
      const isSettled = statuses.every(
        ({ appliedIndex, lastIndex }) =>
          appliedIndex === statuses[0]!.lastIndex && lastIndex === appliedIndex
      )
      return isSettled ? true : undefined
    })
  )
})
