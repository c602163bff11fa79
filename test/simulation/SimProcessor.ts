/**
 * Where the fibres of one node run: a share of the simulated thread, with a clock of its own.
 *
 * Paused, as by SIGSTOP, none of its fibres takes a step, while time and the network go on; then all
 * that was due runs, and its clock has jumped. Its clock may also run too fast or too slow.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as Scheduler from "effect/Scheduler"
import type { Sim } from "./Sim.ts"

export class SimProcessor
  implements Scheduler.Scheduler, Scheduler.SchedulerDispatcher, Clock.Clock
{
  readonly executionMode = "async" as const
  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  private readonly sim: Sim
  /** Called after each of its turns. */
  private readonly afterTurn: () => void
  private held: Array<() => void> = []
  private isHeld = false
  private rate = 1
  private origin = { own: 0, simulated: 0 }

  constructor(sim: Sim, afterTurn: () => void) {
    this.sim = sim
    this.afterTurn = afterTurn
  }

  get isPaused(): boolean {
    return this.isHeld
  }

  pause(): void {
    this.isHeld = true
  }

  resume(): void {
    this.isHeld = false
    const { held } = this
    this.held = []
    for (const task of held) this.scheduleTask(task)
  }

  /** Seconds of its clock in a second. */
  drift(rate: number): void {
    this.origin = { own: this.currentTimeMillisUnsafe(), simulated: this.simulatedMillis }
    this.rate = rate
  }

  /** A fibre of this node: all that it forks runs here too. */
  fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runFork(
      effect.pipe(
        Effect.provideService(Clock.Clock, this),
        Effect.provideService(Random.Random, {
          nextIntUnsafe: () => this.sim.numbers.below(2 ** 31),
          nextDoubleUnsafe: () => this.sim.numbers.next()
        })
      ),
      { scheduler: this }
    )
  }

  /** Runs it here, for who is elsewhere; whoever stops waiting is not waited for. */
  run<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.callback((resume) => {
      const fiber = this.fork(effect)
      const forget = fiber.addObserver((exit) => resume(exit))
      return Effect.sync(() => {
        forget()
        this.scheduleTask(() => fiber.interruptUnsafe())
      })
    })
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return this.sim.shouldYield(fiber)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this
  }

  scheduleTask(task: () => void): void {
    if (this.isHeld) this.held.push(task)
    else this.sim.scheduleTask(() => this.turn(task))
  }

  flush(): void {
    this.sim.flush()
  }

  currentTimeMillisUnsafe(): number {
    const { own, simulated } = this.origin
    return own + (this.simulatedMillis - simulated) * this.rate
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.round(this.currentTimeMillisUnsafe() * 1e6))
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const millis = Duration.toMillis(duration) / this.rate
      const cancel = this.sim.after(millis, () => this.scheduleTask(() => resume(Effect.void)))
      return Effect.sync(cancel)
    })
  }

  private get simulatedMillis(): number {
    return this.sim.currentTimeMillisUnsafe()
  }

  private turn(task: () => void): void {
    if (this.isHeld) {
      this.held.push(task)
      return
    }
    task()
    this.afterTurn()
  }
}
