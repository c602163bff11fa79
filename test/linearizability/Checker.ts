/**
 * Is a history linearizable? Wing and Gong's search, as Lowe made it: configurations instead of
 * orders, a memory of them, and operations put in order only when a return asks for it.
 *
 * It goes through calls and returns as they were. Between two returns nothing is decided: an open
 * operation may take effect now or later. A return demands that its operation has: configurations
 * are extended by open operations until it is, and those where it cannot be are dropped. The first
 * return that leaves none ends the shortest prefix that no order explains. An operation of unknown
 * outcome has no return, so it may take effect at any time or never.
 *
 * What must never happen: a verdict that is a guess. The work is bounded, and beyond it the answer is
 * "undecided". Proof: `Checker.test.ts`, `Oracle.test.ts` against all orders, `Histories.test.ts`.
 *
 * Source: J. M. Wing and C. Gong, "Testing and Verifying Concurrent Objects", 1993; G. Lowe, "Testing
 * for Linearizability", 2017.
 */
import { type Configuration, Configurations, type Order, type Work } from "./Configurations.ts"
import { eventsOf, type Operation } from "./History.ts"
import { impossible, type Model, unknownOutcome } from "./Model.ts"
import type { PlantedRule } from "./PlantedRule.ts"
import type { Return } from "./Returns.ts"
import * as Returns from "./Returns.ts"

/** Steps of the model and comparisons of configurations: some seconds, and some hundred MB at most. */
export const workMaxDefault = 20_000_000

export interface Options<State, Input, Output> {
  readonly model: Model<State, Input, Output>
  readonly operations: ReadonlyArray<Operation<Input, Output>>
  /** The key of an operation: each key is an object of its own. Without it, all are of one object. */
  readonly keyOf?: (input: Input) => string
  /**
   * Operations of unknown outcome, one key and one likeness can stand for each other: no answer tells
   * which of them took effect. Without it, those of one input.
   */
  readonly likenessOf?: (operation: Operation<Input, Output>) => string
  /** For all keys together. */
  readonly workMax?: number
  readonly planted?: PlantedRule | undefined
}

export type Verdict<State, Input, Output> =
  | {
      readonly _tag: "Linearizable"
      /** Of each key one order that explains it. Unknown operations that need no effect are not in it. */
      readonly orders: ReadonlyMap<string, ReadonlyArray<Operation<Input, Output>>>
      readonly work: number
    }
  | { readonly _tag: "Violation"; readonly violation: Violation<State, Input, Output> }
  | { readonly _tag: "Undecided"; readonly work: number }

/** Why there is no order: of all keys the one with the shortest prefix. */
export interface Violation<State, Input, Output> {
  readonly key: string
  /** Its return ends the shortest prefix that no order explains. */
  readonly stuck: Operation<Input, Output>
  /** The others that were open when it returned: in whatever order, `stuck` fits nowhere. */
  readonly open: ReadonlyArray<Operation<Input, Output>>
  /** What the state may have been when it had to take effect. */
  readonly states: ReadonlyArray<State>
  /** One order of the prefix without it. */
  readonly order: ReadonlyArray<Operation<Input, Output>>
}

export function check<State, Input, Output>({
  keyOf = () => "",
  model,
  likenessOf = ({ input }) => model.describeInput(input),
  operations,
  planted,
  workMax = workMaxDefault
}: Options<State, Input, Output>): Verdict<State, Input, Output> {
  const orders = new Map<string, ReadonlyArray<Operation<Input, Output>>>()
  let shortest: Violation<State, Input, Output> | undefined
  let isUndecided = false
  const work: Work = { count: 0 }
  for (const [key, ofKey] of Map.groupBy(operations, ({ input }) => keyOf(input))) {
    const answer = new Search({ model, likenessOf, work, planted }, ofKey).run(workMax)
    if (answer._tag === "TooMuchWork") isUndecided = true
    else if (answer._tag === "Order") orders.set(key, answer.order)
    else if (shortest === undefined || endOf(answer.violation) < endOf(shortest)) {
      shortest = { key, ...answer.violation }
    }
  }
  if (shortest !== undefined) return { _tag: "Violation", violation: shortest }
  if (isUndecided) return { _tag: "Undecided", work: work.count }
  return { _tag: "Linearizable", orders, work: work.count }
}

const endOf = ({ stuck }: { readonly stuck: Operation<unknown, unknown> }): number =>
  stuck.returned?.at ?? Infinity

/** What all keys have in common. */
interface Terms<State, Input, Output>
  extends Required<Pick<Options<State, Input, Output>, "model" | "likenessOf">> {
  readonly work: Work
  readonly planted: PlantedRule | undefined
}

type Answer<State, Input, Output> =
  | { readonly _tag: "Order"; readonly order: ReadonlyArray<Operation<Input, Output>> }
  | { readonly _tag: "Stuck"; readonly violation: Omit<Violation<State, Input, Output>, "key"> }
  | { readonly _tag: "TooMuchWork" }

/**
 * Mutable: one per key. From return to return depth first, for what is linearizable is so in many ways;
 * in front of one return breadth first, so that what needs fewer operations is met before.
 */
class Search<State, Input, Output> {
  private readonly model: Model<State, Input, Output>
  private readonly work: Work
  private readonly planted: PlantedRule | undefined
  private readonly returns: ReadonlyArray<Return<Input, Output>>
  /** What has been met in front of each return. */
  private readonly met: Array<Configurations<State, Input, Output>> = []
  /** Of those, what is not extended yet. */
  private readonly waiting: ReadonlyArray<Array<Configuration<State, Input, Output>>>
  private deepest = 0
  /** Behind the last return. */
  private passed: Configuration<State, Input, Output> | undefined

  constructor(
    { likenessOf, model, planted, work }: Terms<State, Input, Output>,
    operations: ReadonlyArray<Operation<Input, Output>>
  ) {
    this.model = model
    this.work = work
    this.planted = planted
    this.returns = Returns.of(eventsOf(operations, planted), likenessOf)
    this.waiting = this.returns.map(() => [])
  }

  run(workMax: number): Answer<State, Input, Output> {
    this.enter(0, { state: this.model.initial, done: 0n, used: 0n, order: undefined })
    while (this.passed === undefined) {
      const next = this.waiting[this.deepest]!.shift()
      if (next !== undefined) this.extend(this.deepest, next)
      else if (this.deepest > 0) this.deepest -= 1
      else return { _tag: "Stuck", violation: this.violation() }
      if (this.work.count > workMax) return { _tag: "TooMuchWork" }
    }
    return { _tag: "Order", order: listed(this.passed.order) }
  }

  /** Goes past each return whose operation has taken effect, to the first whose has not. */
  private enter(from: number, entering: Configuration<State, Input, Output>): void {
    let configuration = entering
    for (let at = from; ; at++) {
      const awaited = this.returns[at]
      if (awaited === undefined) {
        this.passed = configuration
        return
      }
      configuration = this.settle(awaited, configuration)
      const { done } = configuration
      if ((done & awaited.bit) === 0n) return this.wait(at, configuration)
      configuration = { ...configuration, done: done & ~awaited.bit }
    }
  }

  private wait(at: number, configuration: Configuration<State, Input, Output>): void {
    this.met[at] ??= new Configurations(this.model, this.work, this.planted)
    if (!this.met[at].add(configuration)) return
    this.waiting[at]!.push(configuration)
    this.deepest = Math.max(this.deepest, at)
  }

  /**
   * An open read that may answer what it did takes effect at once: to leave it for later allows
   * nothing more. Not so a write that changes nothing now, for it may be needed later.
   */
  private settle(
    { open }: Return<Input, Output>,
    configuration: Configuration<State, Input, Output>
  ): Configuration<State, Input, Output> {
    const { state } = configuration
    let { done, order } = configuration
    for (const { bit, operation } of open) {
      if ((done & bit) !== 0n || !this.isRead(operation)) continue
      if (this.step(state, operation) !== state) continue
      done |= bit
      order = { last: operation, before: order }
    }
    return done === configuration.done ? configuration : { ...configuration, done, order }
  }

  private isRead({ input, returned }: Operation<Input, Output>): boolean {
    if (this.planted === "writes settled like reads") return true
    return returned !== undefined && this.model.isRead(input, returned.output)
  }

  /** Each way to let one more operation take effect, the awaited one first. */
  private extend(at: number, configuration: Configuration<State, Input, Output>): void {
    const { bit: awaited, open, unknown } = this.returns[at]!
    const { done, order, state, used } = configuration
    const isAwaited = ({ bit }: { readonly bit: bigint }) => Number(bit === awaited)
    const ready = open.filter(({ bit }) => (done & bit) === 0n)
    for (const { bit, operation } of ready.sort((a, b) => isAwaited(b) - isAwaited(a))) {
      if (this.isVain(order, operation)) continue
      const stepped = this.step(state, operation)
      if (stepped === impossible) continue
      const next = { last: operation, before: order }
      this.enter(at, { state: stepped, done: done | bit, used, order: next })
    }
    for (const { bit, operation, twin } of unknown) {
      // Of two that are alike the earlier one goes first: it could have.
      if ((used & bit) !== 0n || (used & twin) !== twin) continue
      if (twin !== 0n && this.planted === "the same unknown input once only") continue
      if (this.isVain(order, operation)) continue
      const stepped = this.step(state, operation)
      // What changes nothing can as well never take effect.
      if (stepped === impossible || stepped === state) continue
      const next = { last: operation, before: order }
      this.enter(at, { state: stepped, done, used: used | bit, order: next })
    }
  }

  /** An unknown operation whose effect is overwritten at once need not have taken effect. */
  private isVain(
    order: Order<Input, Output> | undefined,
    { input, returned }: Operation<Input, Output>
  ): boolean {
    if (order === undefined || order.last.returned !== undefined) return false
    if (this.planted === "everything overwrites") return true
    return this.model.isOverwrite(input, returned === undefined ? unknownOutcome : returned.output)
  }

  private step(state: State, { input, returned }: Operation<Input, Output>) {
    this.work.count += 1
    return this.model.step(state, input, returned === undefined ? unknownOutcome : returned.output)
  }

  /** Everything was tried: the furthest return that was met could be passed in no way. */
  private violation(): Omit<Violation<State, Input, Output>, "key"> {
    const furthest = this.met.length - 1
    const { bit, open, unknown } = this.returns[furthest]!
    const states = new Map<string, State>()
    let longest: ReadonlyArray<Operation<Input, Output>> = []
    for (const { order, state } of this.met[furthest]!) {
      states.set(this.model.describeState(state), state)
      const operations = listed(order)
      if (operations.length > longest.length) longest = operations
    }
    const others = open.filter((other) => other.bit !== bit)
    return {
      stuck: open.find((other) => other.bit === bit)!.operation,
      open: [...others, ...unknown].map(({ operation }) => operation),
      states: [...states.values()],
      order: longest
    }
  }
}

function listed<Input, Output>(
  order: Order<Input, Output> | undefined
): ReadonlyArray<Operation<Input, Output>> {
  const operations: Array<Operation<Input, Output>> = []
  for (let step = order; step !== undefined; step = step.before) operations.push(step.last)
  return operations.reverse()
}
