/**
 * Where `sealog serve` writes its log: one line per event on stderr, as text (logfmt) or as JSON.
 *
 * The lines are held back until the node serves. A start that is refused says why in one sentence and
 * nothing else (`CommandFailure`), so what was held back is dropped then. Only a start that waits for
 * other nodes says so at once: nobody would know otherwise what to do. What must never happen: another
 * log line before the last guard of a start has passed. Proof: `test/e2e/Log.test.ts`,
 * `test/e2e/Serve.test.ts`.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import type { NodeEventTag } from "../domain/telemetry/NodeEvent.ts"
import * as CommandOutput from "./CommandOutput.ts"

export type LogFormat = "text" | "json"

/** Of a start; later lines are dropped. */
const heldLinesMax = 1_000

const formats: Record<LogFormat, Logger.Logger<unknown, string>> = {
  text: Logger.formatLogFmt,
  json: Logger.formatJson
}

const waiting: ReadonlySet<unknown> = new Set<NodeEventTag>([
  "AdmissionWaiting",
  "IntroductionRefused"
])

const isOfWaiting = ({ fiber }: Logger.Options<unknown>): boolean =>
  waiting.has(fiber.getRef(References.CurrentLogAnnotations).event)

export interface LogOutput {
  readonly layer: Layer.Layer<never>
  /** Writes what was held back; from now on every line is written at once. */
  readonly release: Effect.Effect<void>
}

export function make(format: LogFormat): LogOutput {
  let held: Array<string> | undefined = []
  const logger = Logger.make((options) => {
    const line = formats[format].log(options)
    if (held === undefined || isOfWaiting(options)) CommandOutput.log(line)
    else if (held.length < heldLinesMax) held.push(line)
  })
  return {
    layer: Logger.layer([logger]),
    release: Effect.sync(() => {
      for (const line of held ?? []) CommandOutput.log(line)
      held = undefined
    })
  }
}
