/** SPEC §12: any node tells the status of encryption of all, and who does not answer is named. */
import { assert, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import type { EncryptionStatus } from "../../src/domain/api/AdminApi.ts"
import { EndpointUnknown, EndpointUnreachable, RequestDied } from "../../src/domain/api/Errors.ts"
import type { Incarnation, MemberId, NodeName } from "../../src/domain/Ids.ts"
import * as EncryptionSurveyLive from "../../src/layers/EncryptionSurveyLive.ts"
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"
import { ClusterAdmin } from "../../src/services/ClusterAdmin.ts"
import { EncryptionAdmin } from "../../src/services/EncryptionAdmin.ts"
import { EncryptionSurvey } from "../../src/services/EncryptionSurvey.ts"
import { MemberConnection } from "../../src/services/MemberConnection.ts"
import { start } from "../support/Fibers.ts"
import { elected, founders, inTime } from "../support/FrontedCluster.ts"
import { cutOver, enableStorage } from "../support/NodeCalls.ts"

const survey = Effect.flatMap(EncryptionSurvey, ({ read }) => read)

const nameOf = (id: number) => `n${id}` as NodeName
const incarnationOf = (id: number) => `${id}`.repeat(32) as Incarnation
const statusOf = (id: number) =>
  ({ nodeName: nameOf(id), memberId: id, incarnation: incarnationOf(id), phase: 1 }) as never

type Asked = Effect.Effect<EncryptionStatus, EndpointUnknown | EndpointUnreachable | RequestDied>

/** Member 1, which is asked, and what the others say. */
const surveyOver = (others: ReadonlyArray<Asked>) => {
  const member = (_: unknown, at: number) => ({
    id: (at + 1) as MemberId,
    nodeName: nameOf(at + 1),
    incarnation: incarnationOf(at + 1),
    address: undefined,
    endpoint: undefined,
    role: "voter" as const,
    isLeader: false,
    isConnected: true,
    match: undefined,
    lag: undefined
  })
  return EncryptionSurveyLive.layer.pipe(
    Layer.provide([
      Layer.mock(ClusterAdmin, { members: () => [undefined, ...others].map(member) }),
      Layer.mock(EncryptionAdmin, { status: () => statusOf(1) }),
      Layer.succeed(MemberConnection, { ask: (id) => others[id - 2] as never }),
      NodeConfigLive.layer()
    ])
  )
}

describe("the survey of encryption", () => {
  it.effect("names who did not answer and why, and waits for all of them at once", () =>
    Effect.gen(function* () {
      const endpoint = "127.0.0.1:7"
      const others: ReadonlyArray<Asked> = [
        Effect.succeed(statusOf(2)),
        Effect.never,
        Effect.fail(new EndpointUnknown({})),
        Effect.fail(new EndpointUnreachable({ endpoint, cause: "ECONNREFUSED" })),
        Effect.fail(new RequestDied({ endpoint, cause: "a bug" })),
        Effect.succeed(statusOf(9)),
        Effect.never
      ]
      const asking = yield* start(Effect.provide(survey, surveyOver(others)))
      yield* TestClock.adjust(1_999)
      expect(asking.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust(1)
      const found = yield* Fiber.join(asking)
      expect(found.map(({ id, status, unanswered }) => [id, status ?? unanswered?.reason])).toEqual(
        [
          [1, statusOf(1)],
          [2, statusOf(2)],
          [3, "TimedOut"],
          [4, "EndpointUnknown"],
          [5, "EndpointUnreachable"],
          [6, "RequestDied"],
          [7, "OtherNode"],
          [8, "TimedOut"]
        ]
      )
      expect(found[4]?.unanswered?.message).toContain("ECONNREFUSED")
      expect(found[6]?.unanswered?.message).toContain("n9")
    })
  )

  it.effect(
    "is the same at every node of a cluster, through the phases, and without one of them",
    () =>
      Effect.gen(function* () {
        const { at, cluster, followers, leader, stop } = yield* elected()
        yield* inTime(at(followers[0], enableStorage))
        const { cutoverIndex } = yield* inTime(at(followers[1], cutOver))
        for (const asked of founders) {
          const nodes = yield* inTime(at(asked, survey))
          expect(nodes.map(({ nodeName, status }) => [nodeName, status?.nodeName])).toEqual(
            founders.map((name) => [name, name])
          )
          for (const { nodeName, status } of nodes) {
            expect(status).toMatchObject({
              phase: 2,
              hasKek: true,
              cutoverIndex,
              isWrapFlagSet: true,
              isBarrierClosed: false
            })
            expect(status!.keys.map(({ isActive }) => isActive)).toEqual([true, true])
            // The leader has sealed and has run the cutover; the others have done neither.
            const isLeader = nodeName === leader
            expect(status!.localEpoch).toBe(isLeader ? 1 : undefined)
            expect(status!.lastCutover?.ended?.end).toBe(isLeader ? "CutOver" : undefined)
          }
        }
        yield* stop(leader)
        const left = yield* inTime(at(followers[0], survey))
        assert.deepStrictEqual(
          left.filter(({ status }) => status === undefined).map(({ nodeName }) => nodeName),
          [leader]
        )
        assert.include(cluster.openNames, followers[0])
      })
  )
})
