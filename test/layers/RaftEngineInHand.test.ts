/**
 * SPEC §9, §11: what a round has taken from the inbox when a step of it throws. Everybody is told that
 * the node has stopped, once: who was accepted before, who was in hand, and who came after.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { MemberId } from "../../src/domain/Ids.ts"
import * as KvCommand from "../../src/domain/kv/Command.ts"
import { LogCorrupted } from "../../src/domain/log/Errors.ts"
import * as Payload from "../../src/domain/log/Payload.ts"
import * as MembershipChange from "../../src/domain/raft/MembershipChange.ts"
import * as Raft from "../../src/domain/raft/Raft.ts"
import { MemoryDisk } from "../../src/layers/MemoryDisk.ts"
import { RaftEngineInHand } from "../../src/layers/RaftEngineInHand.ts"
import type { Input } from "../../src/layers/RaftEngineInput.ts"
import { type MakeCore, RaftCore } from "../../src/services/RaftCore.ts"
import { RaftEngine } from "../../src/services/RaftEngine.ts"
import { settled, start } from "../support/Fibers.ts"
import { Gate, gatedNode } from "../support/GatedLog.ts"
import { ready, text } from "../support/NodeCalls.ts"

const deletion = KvCommand.encode({ _tag: "Delete", key: text("absent") })
const body = Payload.encodeRequests([{ session: undefined, content: deletion }])

/** A core that appends a proposal and finds, as it sends it on, that an older entry is damaged. */
class DamagedLog {
  /** Proposals that are still sent on. */
  soundCount = Number.POSITIVE_INFINITY

  readonly makeCore: MakeCore = (options) => {
    const raft = Raft.make(options)
    const propose = raft.propose.bind(raft)
    raft.propose = (drafts) => {
      const proposed = propose(drafts)
      this.soundCount -= 1
      if (this.soundCount >= 0) return proposed
      throw new LogCorrupted({ groupId: 0, index: 1, reason: "checksumMismatch" })
    }
    return raft
  }
}

/** What each of these is told, all of them taken from the inbox in one turn. */
const toldInOneTurn = (soundCount: number) => {
  const gate = new Gate()
  const log = new DamagedLog()
  return Effect.gen(function* () {
    yield* ready
    const engine = yield* RaftEngine
    const { term } = engine.status()
    const told: Array<string> = []
    const propose = (who: string) =>
      engine.propose({
        body,
        term,
        toBeSealed: false,
        onEvent: ({ _tag }) => void told.push(`${who}: event ${_tag}`)
      })
    gate.close()
    const before = yield* start(propose("before"))
    yield* gate.reached
    log.soundCount = soundCount
    const asked = (who: string, question: Effect.Effect<unknown, { readonly _tag: string }>) =>
      start(
        Effect.match(question, {
          onSuccess: () => void told.push(`${who}: success`),
          onFailure: ({ _tag }) => void told.push(`${who}: ${_tag}`)
        })
      )
    yield* asked("early read", engine.readIndex)
    yield* asked("first", propose("first"))
    yield* asked("second", propose("second"))
    yield* asked("transfer", engine.transferLeadership(9 as MemberId))
    yield* asked("change", engine.changeMembership(MembershipChange.leaving, term))
    yield* asked("sealing", engine.sealingReady)
    yield* asked("late read", engine.readIndex)
    gate.open()
    expect(yield* Effect.flip(engine.stopped)).toMatchObject({ _tag: "LogCorrupted" })
    yield* Fiber.join(before)
    yield* settled
    return told.filter((line) => !line.startsWith("before")).toSorted()
  }).pipe(
    Effect.provide(gatedNode({ disk: new MemoryDisk(), gate })),
    Effect.provideService(RaftCore, log.makeCore)
  )
}

describe("a step that throws while inputs are in hand", () => {
  const everybody = ["change", "early read", "first", "late read", "sealing", "second", "transfer"]
  const stopped = everybody.map((who) => `${who}: NodeStopped`)

  for (const [soundCount, which] of ["first", "second"].entries()) {
    it.effect(`at the ${which} proposal: everybody is told once that the node has stopped`, () =>
      Effect.map(toldInOneTurn(soundCount), (told) => expect(told).toEqual(stopped))
    )
  }
})

describe("what is in hand", () => {
  const unreachable = (peer: number): Input => ({ _tag: "Unreachable", peer: peer as MemberId })
  const inputs = [1, 2, 3].map(unreachable)

  it("is what is taken, until it is accepted; what throws is given up with what came after it", () => {
    const inHand = new RaftEngineInHand()
    const accepted: Array<Input> = []
    const accept = (input: Input) => void accepted.push(input)
    inHand.take(inputs)
    inHand.acceptAll({ accept })
    expect([accepted, inHand.giveUp()]).toEqual([inputs, []])
    inHand.take(inputs)
    const damaged = (input: Input) => {
      if (input === inputs[1]) throw new Error("damaged")
    }
    expect(() => inHand.acceptAll({ accept: damaged })).toThrow("damaged")
    expect(inHand.giveUp()).toEqual(inputs.slice(1))
    expect(inHand.giveUp(), "once").toEqual([])
    inHand.take(inputs)
    expect(inHand.giveUp(), "nobody has accepted any").toEqual(inputs)
  })
})
