/**
 * Turns the typed failures that synchronous code throws into failures of an Effect.
 *
 * The core, the applier and the stores are plain functions and throw what stops the node; anything
 * else they throw is a bug and stays a defect.
 */
import * as Effect from "effect/Effect"
import { isApplyFailure } from "../domain/apply/Errors.ts"
import { LogCorrupted, RecordCorrupted } from "../domain/log/Errors.ts"
import { StateWriteFailure } from "../domain/state/Errors.ts"
import type { EngineFailure } from "../services/EngineFailure.ts"

type Thrown = Exclude<EngineFailure, { readonly _tag: "LogWriteFailure" }>

const isThrown = (error: unknown): error is Thrown =>
  error instanceof LogCorrupted ||
  error instanceof RecordCorrupted ||
  error instanceof StateWriteFailure ||
  isApplyFailure(error)

/** Runs `body` once; what it throws typed is a failure, the rest a defect. */
export const attempt = <A>(body: () => A): Effect.Effect<A, Thrown> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(body())
    } catch (error) {
      return isThrown(error) ? Effect.fail(error) : Effect.die(error)
    }
  })
