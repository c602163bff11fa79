/**
 * Where the cutover program stands on whatever node, and where its markers do, as told by the services
 * of the nodes, by their disks and by their cores: says so at the moment a step is entered, so that a
 * fault can begin there (SPEC §12, §20).
 */
import * as Effect from "effect/Effect"
import * as Command from "../../src/domain/encryption/Command.ts"
import { CapabilityGate } from "../../src/services/CapabilityGate.ts"
import { QuiescenceBarrier } from "../../src/services/QuiescenceBarrier.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { WrapFlag } from "../../src/services/WrapFlag.ts"
import { type Swap, swap } from "../support/SwappedLayers.ts"

export const steps = [
  "gate",
  "registration",
  "draining",
  "appending",
  "onLeader",
  "onMinority",
  "onMajority",
  "committed",
  "appliedOnLeader",
  "appliedOnFollower",
  "flagSet",
  "opened"
] as const

export type Step = (typeof steps)[number]

interface Position {
  readonly term: number
  readonly index: number
}

interface Marker extends Position {
  readonly holders: Set<string>
  readonly entered: Set<Step>
}

export class CutoverSteps {
  /** Of the node that enters it, in the middle of a turn. */
  onEntered: (step: Step, name: string) => void = () => {}
  private readonly leaderOf: (term: number) => string | undefined
  private readonly markers = new Map<number, Array<Marker>>()

  constructor(leaderOf: (term: number) => string | undefined) {
    this.leaderOf = leaderOf
  }

  /** What tells of the steps that only the node itself knows. */
  swaps(name: string): ReadonlyArray<Swap> {
    const enter = (step: Step) => this.onEntered(step, name)
    return [
      swap(CapabilityGate, (gate) => ({
        ...gate,
        check: Effect.suspend(() => {
          enter("gate")
          return gate.check
        })
      })),
      swap(RaftEngine, (engine) => ({
        ...engine,
        sealingReady: Effect.suspend(() => {
          enter("registration")
          return engine.sealingReady
        }),
        propose: (proposal) => {
          if (isMarker(proposal)) enter("appending")
          return engine.propose(proposal)
        }
      })),
      swap(QuiescenceBarrier, (barrier) => ({
        ...barrier,
        close: () => {
          barrier.close()
          enter("draining")
        },
        open: () => {
          barrier.open()
          enter("opened")
        }
      })),
      swap(WrapFlag, (flag) => ({
        ...flag,
        set: (cause) => {
          const isNew = !flag.isSet()
          flag.set(cause)
          if (isNew) enter("flagSet")
        }
      }))
    ]
  }

  /** Some log is given a marker here. */
  marker(position: Position): void {
    const here = this.markers.get(position.index) ?? []
    this.markers.set(position.index, here)
    if (here.some(({ term }) => term === position.term)) return
    here.push({ ...position, holders: new Set(), entered: new Set() })
  }

  /** It is durable in the log of this node. */
  written(name: string, position: Position, { nameOf, voters }: Voters): void {
    const marker = this.at(position)
    if (marker === undefined) return
    marker.holders.add(name)
    const holders = voters.filter((voter) => marker.holders.has(nameOf(voter) ?? ""))
    if (holders.length > voters.length / 2) return this.enter(marker, "onMajority", name)
    const isLeader = this.leaderOf(position.term) === name
    this.enter(marker, isLeader && holders.length === 1 ? "onLeader" : "onMinority", name)
  }

  /** A leader takes it for committed. */
  committed(name: string, position: Position): void {
    const marker = this.at(position)
    if (marker !== undefined) this.enter(marker, "committed", name)
  }

  /** The state of this node says so. */
  applied(name: string, position: Position): void {
    const marker = this.at(position)
    if (marker === undefined) return
    const isLeader = this.leaderOf(position.term) === name
    this.enter(marker, isLeader ? "appliedOnLeader" : "appliedOnFollower", name)
  }

  get indexes(): ReadonlyArray<number> {
    return [...this.markers.keys()]
  }

  isMarker(position: Position): boolean {
    return this.at(position) !== undefined
  }

  private at({ index, term }: Position): Marker | undefined {
    return this.markers.get(index)?.find((marker) => marker.term === term)
  }

  /** Once for each marker. */
  private enter({ entered }: Marker, step: Step, name: string): void {
    if (entered.has(step)) return
    entered.add(step)
    this.onEntered(step, name)
  }
}

export interface Voters {
  readonly voters: ReadonlyArray<number>
  readonly nameOf: (member: number) => string | undefined
}

const isMarker = ({ body, toBeSealed }: { body: Uint8Array; toBeSealed: boolean }): boolean =>
  !toBeSealed && Command.isEnableRaftEnvelope(body)
