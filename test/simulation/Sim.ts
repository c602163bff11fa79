/**
 * One thread of virtual time: scheduler, clock and chance of an Effect program, all from one seed.
 *
 * Everything that is ready runs in an order the seed draws, with preemption; time passes only when
 * nothing is ready. What must never happen: a real timer, promise or random number in what it runs,
 * because then a seed would no longer be a replay. Proof: `OneNode.test.ts` runs each seed twice.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as Scheduler from "effect/Scheduler"
import { type SeededNumbers, seededNumbers } from "../support/SeededNumbers.ts"

interface Timer {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** Operations of a fibre before it yields in any case, as in Effect's own scheduler. */
const operationsMax = 2_048

export class Sim implements Scheduler.Scheduler, Scheduler.SchedulerDispatcher, Clock.Clock {
  readonly executionMode = "async" as const
  readonly numbers: SeededNumbers
  /** Turns of the scheduler so far. */
  steps = 0
  /** A fibre yields after one in so many operations. */
  private readonly preemptedOnceIn: number
  private readonly tasks: Array<() => void> = []
  private readonly next: Array<() => void> = []
  private timers: Array<Timer> = []
  private nowMillis = 0
  private timerCount = 0
  private hash = 0
  private isHalted = false

  constructor(seed: number, preemptedOnceIn = 20) {
    this.numbers = seededNumbers(seed)
    this.preemptedOnceIn = preemptedOnceIn
  }

  /** Of everything that ran, in order: equal seeds must give equal hashes. */
  get traceHash(): number {
    return this.hash
  }

  /** Nothing runs any more: what was seen is enough. */
  halt(): void {
    this.isHalted = true
  }

  /** Runs it when so much time has passed. */
  after(millis: number, run: () => void): () => void {
    const timer = { at: this.nowMillis + Math.max(0, millis), order: this.timerCount++, run }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((other) => other !== timer)
    }
  }

  /** Adds something observable to the trace. */
  note(text: string): void {
    for (const character of text) this.mix(character.charCodeAt(0))
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return fiber.currentOpCount >= operationsMax || this.numbers.below(this.preemptedOnceIn) === 0
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this
  }

  scheduleTask(task: () => void): void {
    this.tasks.push(task)
  }

  /** Runs it as soon as the turn that is being taken is over, before any other. */
  afterTurn(task: () => void): void {
    this.next.push(task)
  }

  flush(): void {
    while (!this.isHalted) {
      this.next.shift()?.()
      if (this.next.length > 0) continue
      if (this.tasks.length === 0) return
      const at = this.numbers.below(this.tasks.length)
      this.mix(at)
      this.steps += 1
      this.tasks.splice(at, 1)[0]?.()
    }
  }

  currentTimeMillisUnsafe(): number {
    return this.nowMillis
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.round(this.nowMillis * 1e6))
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const cancel = this.after(Duration.toMillis(duration), () => resume(Effect.void))
      return Effect.sync(cancel)
    })
  }

  /** Runs a program to its end. Fails if nothing is ready and no time is left to pass. */
  run<A, E>(program: Effect.Effect<A, E>): Exit.Exit<A, E> {
    const exit = this.runUnlessHalted(program)
    if (exit === undefined) throw new Error("the simulation was halted")
    return exit
  }

  /** The same; `undefined` if it was halted first. */
  runUnlessHalted<A, E>(program: Effect.Effect<A, E>): Exit.Exit<A, E> | undefined {
    const fiber = Effect.runFork(
      program.pipe(
        Effect.provideService(Clock.Clock, this),
        Effect.provideService(Random.Random, {
          nextIntUnsafe: () => this.numbers.below(2 ** 31),
          nextDoubleUnsafe: () => this.numbers.next()
        })
      ),
      { scheduler: this }
    )
    for (;;) {
      this.flush()
      if (this.isHalted) return undefined
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return exit
      this.passTime()
    }
  }

  private passTime(): void {
    const next = this.timers.reduce<Timer | undefined>(
      (first, timer) => (first === undefined || isBefore(timer, first) ? timer : first),
      undefined
    )
    if (next === undefined) throw new Error(`deadlock after ${this.steps} steps: nothing is ready`)
    this.timers = this.timers.filter((timer) => timer !== next)
    this.nowMillis = next.at
    this.mix(next.order)
    next.run()
  }

  private mix(value: number): void {
    this.hash = (Math.imul(this.hash ^ value, 0x01000193) + 0x9e3779b9) >>> 0
  }
}

const isBefore = (a: Timer, b: Timer): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order)
