/**
 * A ledger as the rest of a program sees it: accounts, transfers, typed refusals. That it is
 * replicated, durable and encrypted is the business of the node below it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Replica, type ReplicaReadFailure, type ReplicaWriteFailure } from "../../src/index.ts"
import * as Machine from "./LedgerMachine.ts"

export class Ledger extends Context.Service<
  Ledger,
  {
    readonly open: (options: {
      readonly account: string
      readonly balance: number
    }) => Effect.Effect<void, Machine.AccountExists | ReplicaWriteFailure>
    /**
     * Returns what is left to the payer. Choose an `id` of your own: after a failure that leaves the
     * outcome open, repeat it with the same one and it is done exactly once.
     */
    readonly transfer: (options: {
      readonly id: string
      readonly from: string
      readonly to: string
      readonly amount: number
    }) => Effect.Effect<
      number,
      Machine.AccountUnknown | Machine.InsufficientFunds | ReplicaWriteFailure
    >
    readonly balance: (
      account: string
    ) => Effect.Effect<number, Machine.AccountUnknown | ReplicaReadFailure>
    /** Of all accounts together: no transfer changes it. */
    readonly total: Effect.Effect<number, ReplicaReadFailure>
  }
>()("example/Ledger") {}

type Refused = Exclude<Machine.Answer, { readonly _tag: "Done" }>

/** The refusals that this request can be answered with are failures; another one is a bug. */
const balanceIn =
  <Tag extends Refused["_tag"]>(...expected: ReadonlyArray<Tag>) =>
  (bytes: Uint8Array): Effect.Effect<number, Extract<Refused, { readonly _tag: Tag }>> => {
    const answer = Machine.answers.decode(bytes)
    if (answer._tag === "Done") return Effect.succeed(answer.balance)
    const isExpected = (refused: Refused): refused is Extract<Refused, { readonly _tag: Tag }> =>
      expected.some((tag) => tag === refused._tag)
    return isExpected(answer) ? Effect.fail(answer) : Effect.die(answer)
  }

const make = Effect.gen(function* () {
  const replica = yield* Replica
  const propose = (request: typeof Machine.Request.Type) =>
    Effect.suspend(() => replica.propose(Machine.requests.encode(request)))
  const ask = (query: typeof Machine.Query.Type) =>
    Effect.suspend(() => replica.read(Machine.queries.encode(query)))

  return Ledger.of({
    open: (options) =>
      propose({ _tag: "Open", ...options }).pipe(
        Effect.flatMap(balanceIn("AccountExists")),
        Effect.asVoid
      ),
    transfer: (options) =>
      propose({ _tag: "Transfer", ...options }).pipe(
        Effect.flatMap(balanceIn("AccountUnknown", "InsufficientFunds"))
      ),
    balance: (account) =>
      ask({ _tag: "Balance", account }).pipe(Effect.flatMap(balanceIn("AccountUnknown"))),
    total: ask({ _tag: "Total" }).pipe(Effect.flatMap(balanceIn<never>()))
  })
})

export const layer: Layer.Layer<Ledger, never, Replica> = Layer.effect(Ledger, make)
