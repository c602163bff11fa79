/** Whatever an embedder can be told, by any of the services and layers, it can import and name. */
import type * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Public from "../../src/index.ts"

/** What the methods and effects of a service fail with. */
type FailureOf<Shape> = {
  [Member in keyof Shape]-?: Shape[Member] extends Effect.Effect<unknown, infer Failure>
    ? Failure
    : Shape[Member] extends (...given: never) => Effect.Effect<unknown, infer Failure>
      ? Failure
      : never
}[keyof Shape]

type Failure =
  | Public.Sealog.StartFailure
  | FailureOf<Public.Cutover["Service"]>
  | FailureOf<Public.EncryptionAdmin["Service"]>
  | FailureOf<Public.KekProvider["Service"]>
  | FailureOf<Public.KvStore["Service"]>
  | FailureOf<Public.Replica["Service"]>

/** Tags that the public module has no class for; the compiler names them. */
type Missing = Exclude<Failure["_tag"], keyof typeof Public>

describe("the public module", () => {
  it("exports the class of every failure, under its tag", () => {
    const missing: [Missing] extends [never] ? "none" : Missing = "none"
    expect(missing).toBe("none")
    const errors = Object.entries(Public).filter(
      ([, exported]) => typeof exported === "function" && exported.prototype instanceof Error
    )
    expect(errors.length).toBeGreaterThan(30)
    for (const [name, error] of errors) expect(error).toHaveProperty("identifier", name)
  })
})
