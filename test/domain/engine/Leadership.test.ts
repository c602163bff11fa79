import { describe, expect, it } from "vitest"
import { Leadership } from "../../../src/domain/engine/Leadership.ts"
import type { KeyId, MemberId, Term } from "../../../src/domain/Ids.ts"

const standing = (term: number, isLeader: boolean) => ({
  term: term as Term,
  isLeader,
  leader: isLeader ? (1 as MemberId) : undefined
})
const key = 5 as KeyId

describe("leadership (SPEC §6, §13)", () => {
  it("is ready only once the noop of its own term is applied", () => {
    const leadership = new Leadership()
    leadership.observe(standing(2, true))
    expect(leadership.isReady).toBe(false)
    leadership.noopApplied(1 as Term)
    expect(leadership.isReady).toBe(false)
    leadership.noopApplied(2 as Term)
    expect(leadership.isReady).toBe(true)
    leadership.observe(standing(3, true))
    expect(leadership.isReady).toBe(false)
  })

  it("names the term it has left: by losing the lead, and by leading another term", () => {
    const leadership = new Leadership()
    expect(leadership.observe(standing(2, true))).toBeUndefined()
    expect(leadership.observe(standing(2, true))).toBeUndefined()
    expect(leadership.observe(standing(2, false))).toBe(2)
    expect(leadership.observe(standing(4, true))).toBeUndefined()
    expect(leadership.observe(standing(6, true))).toBe(4)
  })

  it("starts one registration for a key and term, again after a change or a refusal", () => {
    const leadership = new Leadership()
    leadership.observe(standing(2, true))
    expect(leadership.startsRegistration(key)).toBe(false)
    leadership.noopApplied(2 as Term)
    expect(leadership.startsRegistration(key)).toBe(true)
    expect(leadership.startsRegistration(key)).toBe(false)
    leadership.registrationRefused()
    expect(leadership.startsRegistration(key)).toBe(true)
    leadership.observe(standing(3, true))
    leadership.noopApplied(3 as Term)
    expect(leadership.startsRegistration(key)).toBe(true)
  })

  it("starts one rotation for a key and term, again after a change or a refusal", () => {
    const leadership = new Leadership()
    leadership.observe(standing(2, true))
    expect(leadership.startsRotation(key)).toBe(false)
    leadership.noopApplied(2 as Term)
    expect(leadership.startsRotation(key)).toBe(true)
    expect(leadership.startsRotation(key)).toBe(false)
    leadership.rotationRefused()
    expect(leadership.startsRotation(key)).toBe(true)
    leadership.observe(standing(2, false))
    expect(leadership.startsRotation(key)).toBe(false)
    leadership.observe(standing(3, true))
    leadership.noopApplied(3 as Term)
    expect(leadership.startsRotation(key)).toBe(true)
    expect(leadership.startsRotation(6 as KeyId)).toBe(true)
  })
})
