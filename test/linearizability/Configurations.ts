/**
 * The configurations that a search has met: what may be true of the object at one moment.
 *
 * A configuration is forgotten if another one allows whatever it allows: the same open operations
 * are done, its state covers the other's, and it has used no unknown operation that the other has
 * not (what is unused may still take effect, and need not). What must never happen: one forgotten
 * whose future no other has. Proof: `Oracle.test.ts`.
 */
import type { Operation } from "./History.ts"
import type { Model } from "./Model.ts"
import type { PlantedRule } from "./PlantedRule.ts"

export interface Configuration<State, Input, Output> {
  readonly state: State
  /** Slots of the open operations that have taken effect. */
  readonly done: bigint
  /** Numbers of the unknown operations that have taken effect. */
  readonly used: bigint
  readonly order: Order<Input, Output> | undefined
}

/** An order of operations, told from its last one. */
export interface Order<Input, Output> {
  readonly last: Operation<Input, Output>
  readonly before: Order<Input, Output> | undefined
}

/** Mutable: steps of the model and comparisons of configurations, of a whole search. */
export interface Work {
  count: number
}

/** Mutable: a set without those that another one makes needless. */
export class Configurations<State, Input, Output> {
  private readonly model: Model<State, Input, Output>
  private readonly planted: PlantedRule | undefined
  private readonly groups = new Map<string, Array<Configuration<State, Input, Output>>>()
  private readonly work: Work

  constructor(model: Model<State, Input, Output>, work: Work, planted: PlantedRule | undefined) {
    this.model = model
    this.work = work
    this.planted = planted
  }

  get isEmpty(): boolean {
    return this.groups.size === 0
  }

  *[Symbol.iterator](): Generator<Configuration<State, Input, Output>> {
    for (const group of this.groups.values()) yield* group
  }

  /** False if one is there that allows as much. */
  add(added: Configuration<State, Input, Output>): boolean {
    const key = this.groupOf(added)
    const group = this.groups.get(key)
    if (group === undefined) {
      this.groups.set(key, [added])
      return true
    }
    this.work.count += group.length
    if (group.some((known) => this.allows(known, added))) return false
    const kept = group.filter((known) => !this.allows(added, known))
    kept.push(added)
    this.groups.set(key, kept)
    return true
  }

  private groupOf({ done, state }: Configuration<State, Input, Output>): string {
    if (this.planted === "memory without the state") return String(done)
    const key = this.model.keyOf(state)
    return this.planted === "memory without the open operations" ? key : `${done} ${key}`
  }

  private allows(
    a: Configuration<State, Input, Output>,
    b: Configuration<State, Input, Output>
  ): boolean {
    const [better, worse] = this.planted === "worse state preferred" ? [b, a] : [a, b]
    if (this.model.covers?.(better.state, worse.state) === false) return false
    if (this.planted === "memory without the unknown operations") return true
    const both = a.used & b.used
    return both === (this.planted === "more unknown operations preferred" ? b.used : a.used)
  }
}
