import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { type MemberId, NodeName } from "../../src/domain/Ids.ts"
import type { Introduction } from "../../src/domain/peer/Introduction.ts"
import * as IntroductionsLive from "../../src/layers/IntroductionsLive.ts"
import { Introductions } from "../../src/services/Introductions.ts"
import { Opening } from "../../src/services/Opening.ts"
import { incarnationOf, openingOf } from "../support/PeerIdentities.ts"

const introductionOf = (id: number): Introduction => ({
  nodeName: NodeName.make(`n${id}`),
  incarnation: incarnationOf(id),
  address: { host: "h", port: id },
  listDigest: undefined,
  hasKek: true,
  softwareVersion: "1"
})

const memberOf = (id: number) => ({
  id: id as MemberId,
  nodeName: NodeName.make(`n${id}`),
  incarnation: incarnationOf(id),
  address: { host: "h", port: id }
})

const live = IntroductionsLive.layer.pipe(Layer.provide(Layer.succeed(Opening, openingOf(1))))

const waiting = { _tag: "Waiting", leader: undefined }

describe("IntroductionsLive", () => {
  it.effect("lets everybody wait until the node knows its members, and keeps nobody", () =>
    Effect.gen(function* () {
      const { answer, newest } = yield* Introductions
      expect(answer(introductionOf(2))).toEqual(waiting)
      expect(newest(NodeName.make("n2"))).toBeUndefined()
    }).pipe(Effect.provide(live))
  )

  it.effect("answers from the members as they are now, and keeps who waits for 30 seconds", () =>
    Effect.gen(function* () {
      const { answer, attach, newest } = yield* Introductions
      const members = [memberOf(1)]
      attach({ members: () => members, leader: () => 1 as MemberId })
      const fourth = introductionOf(4)
      expect(answer(fourth)).toEqual({ _tag: "Waiting", leader: { host: "h", port: 1 } })
      yield* TestClock.adjust("30 seconds")
      expect(newest(fourth.nodeName)).toBe(fourth)
      yield* TestClock.adjust("1 millis")
      expect(newest(fourth.nodeName)).toBeUndefined()
      members.push(memberOf(4))
      const { clusterId } = openingOf(1)
      expect(answer(fourth)).toEqual({ _tag: "Admitted", clusterId, memberId: 4 })
      expect(newest(fourth.nodeName)).toBeUndefined()
    }).pipe(Effect.provide(live))
  )
})
