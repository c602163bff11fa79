/**
 * A dumb model of the world around the cutover: one node of a cluster, its log, its users, two
 * callers, and everything that can happen next.
 *
 * The machine, the barrier and the preflight are the real ones (or broken ones, see {@link Rules});
 * the rest is as small as it can be: an entry is its kind and its term, a queue is a list. What
 * can happen to it is in `CutoverEvents.ts`, and `CutoverModel.test.ts` walks all there is.
 */
import * as Barrier from "../../../src/domain/cutover/Barrier.ts"
import * as Machine from "../../../src/domain/cutover/CutoverMachine.ts"
import type * as Preflight from "../../../src/domain/cutover/Preflight.ts"
import * as Sidecar from "../../../src/domain/encryption/SidecarState.ts"
import { LeaderNotReady, NodeStopped, NotLeader } from "../../../src/domain/engine/Errors.ts"
import type { ClusterId, KeyId, LogIndex, Term } from "../../../src/domain/Ids.ts"

/** What may be broken on purpose. */
export interface Rules {
  readonly transition: typeof Machine.transition
  readonly admit: typeof Barrier.admit
  readonly enterTerm: typeof Barrier.enterTerm
  readonly isDrained: typeof Barrier.isDrained
  /** Does the append guard of SPEC §10 watch over user proposals? */
  readonly isGuarded: boolean
  /** Does a leader take nothing in before its own noop is applied (SPEC §13)? */
  readonly awaitsNoop: boolean
  readonly usersMax: number
  /** How often a node that has stopped may start again. */
  readonly startsMax: number
}

export const rules: Rules = {
  transition: Machine.transition,
  admit: Barrier.admit,
  enterTerm: Barrier.enterTerm,
  isDrained: Barrier.isDrained,
  isGuarded: true,
  awaitsNoop: true,
  usersMax: 2,
  startsMax: 0
}

/** Before and after the one rotation there may be. */
export type Key = 1 | 2

export type Entry =
  | { readonly kind: "user"; readonly term: number; readonly isSealed: boolean }
  /** `run` 0: another leader's. */
  | {
      readonly kind: "marker"
      readonly term: number
      readonly key: Key
      readonly run: number
      readonly isAcknowledged: boolean
    }
  | { readonly kind: "rotate"; readonly term: number }
  | { readonly kind: "noop"; readonly term: number }

export type Fate = "notProposed" | "unresolved" | "refused" | "applied" | "stale"

export interface World {
  readonly machine: Machine.CutoverState
  readonly barrier: Barrier.Barrier
  readonly isFlagSet: boolean
  /** `unready`: leads, and has not applied its noop. */
  readonly role: "leader" | "unready" | "follower" | "stopped"
  readonly term: number
  /** Terms of user proposals that were admitted and are in no batch yet. */
  readonly queue: ReadonlyArray<number>
  /** Proposed, and not yet looked at by the engine. */
  readonly inbox: ReadonlyArray<Entry>
  /** Above the applied index. */
  readonly log: ReadonlyArray<Entry>
  readonly key: Key
  readonly isCutOver: boolean
  /** How often the node has been started again. */
  readonly starts: number
  /** Callers that have passed the preflight. */
  readonly ready: ReadonlyArray<Preflight.Ready>
  /** Runs begun so far; the newest one, its caller, its marker, and how often it has ended. */
  readonly run: number
  readonly runKey: Key
  readonly caller: "none" | "waiting" | "told" | "gone"
  readonly fate: Fate
  readonly ends: number
  /** The first thing that was wrong on the way here. */
  readonly wrong: string | undefined
}

export const start: World = {
  machine: Machine.idle,
  barrier: Barrier.enterTerm(Barrier.initial, 1 as Term),
  isFlagSet: false,
  role: "leader",
  term: 1,
  queue: [],
  inbox: [],
  log: [],
  key: 1,
  isCutOver: false,
  starts: 0,
  ready: [],
  run: 0,
  runKey: 1,
  caller: "none",
  fate: "notProposed",
  ends: 0,
  wrong: undefined
}

export const termsMax = 3
export const runsMax = 2
export const readyMax = 2

export const leads = ({ role }: World): boolean => role === "leader" || role === "unready"

export const markers = ({ inbox, log }: World) =>
  [...inbox, ...log].filter((entry) => entry.kind === "marker")

export const index = 1 as LogIndex

const cluster = Sidecar.initial("00".repeat(16) as ClusterId)

export const factsOf = (world: World): Preflight.Facts => ({
  state: world.machine,
  intake: intakeOf(world),
  sidecar: {
    ...cluster,
    active: { storage: 9 as KeyId, raft: world.key as KeyId },
    storageEnvelopeIndex: index,
    raftEnvelopeCutoverIndex: (world.isCutOver ? index : 0) as LogIndex
  },
  markerCounts: markerCounts(world),
  spaceLow: undefined
})

/** Does a marker count, as the append guard sees it (SPEC §10)? */
export const markerCounts = ({ isCutOver, log }: World): boolean =>
  isCutOver || log.some(({ kind }) => kind === "marker")

export const intakeOf = ({ role, term }: World): Preflight.Facts["intake"] =>
  role === "leader" ? { _tag: "Open", term: term as Term } : shut[role]

/** Made once: an error takes longer than everything else in a step. */
const shut = {
  unready: { _tag: "Shut", reason: new LeaderNotReady({ awaits: "noop" }) },
  follower: { _tag: "Shut", reason: new NotLeader({ leader: undefined }) },
  stopped: { _tag: "Shut", reason: new NodeStopped({ reason: "a test" }) }
} as const
