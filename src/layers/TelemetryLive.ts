/**
 * The counters of one node, and its events as structured lines of Effect's log.
 *
 * Which loggers write them, in which form and from which level on is the choice of whoever builds the
 * node. Each line carries the node, the group, the tag of the event and its fields.
 * Proof: `test/layers/NodeEvents.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { GroupId, NodeName } from "../domain/Ids.ts"
import { Counters } from "../domain/telemetry/Counters.ts"
import { fieldsOf, lineOf, type NodeEvent } from "../domain/telemetry/NodeEvent.ts"
import { Telemetry } from "../services/Telemetry.ts"

export interface Options {
  readonly nodeName: NodeName
  readonly groupId: GroupId
}

const make = Effect.fnUntraced(function* ({ groupId, nodeName }: Options) {
  const context = yield* Effect.context<never>()
  const log = (event: NodeEvent) => {
    const { message, severity } = lineOf(event)
    return Effect.logWithLevel(severity)(message).pipe(
      Effect.annotateLogs({ node: nodeName, group: groupId, ...fieldsOf(event) })
    )
  }
  const empty = () => 0
  return Telemetry.of({
    counters: new Counters(),
    depths: { inboxCount: empty, pendingCount: empty, pendingBytes: empty },
    report: (event) => {
      // A logger that throws is no reason to stop a node, and there is nobody left to tell.
      Effect.runSyncExitWith(context)(log(event))
    }
  })
})

export const layer = (options: Options): Layer.Layer<Telemetry> =>
  Layer.effect(Telemetry, make(options))
