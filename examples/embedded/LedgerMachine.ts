/**
 * What the requests of a ledger mean: the state machine that every replica runs alike.
 *
 * Deterministic: everything it does follows from the request and the store. A refusal is a result,
 * because every replica must compute it; only bytes that no release of ours has written halt the node.
 * A transfer is known by its id: one that is repeated, after a time-out say, answers what it did the
 * first time and moves nothing.
 */
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Malformed, StateMachine, type ValueReader, type ValueStore } from "../../src/index.ts"

/** There is such an account already. */
export class AccountExists extends Schema.TaggedError<AccountExists>()("AccountExists", {
  account: Schema.String
}) {
  override get message() {
    return `account ${this.account} exists already; open it under another name`
  }
}

/** There is no such account. */
export class AccountUnknown extends Schema.TaggedError<AccountUnknown>()("AccountUnknown", {
  account: Schema.String
}) {
  override get message() {
    return `there is no account ${this.account}; open it first`
  }
}

/** The account does not hold that much; nothing was moved. */
export class InsufficientFunds extends Schema.TaggedError<InsufficientFunds>()(
  "InsufficientFunds",
  { account: Schema.String, balance: Schema.Int }
) {
  override get message() {
    return `account ${this.account} holds only ${this.balance}; move less`
  }
}

/** Exact, as all sums of them are: there is no more money than this in a ledger. */
const Amount = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1e12 }))
const Name = Schema.String.check(Schema.isPattern(/^[a-z0-9/-]{1,64}$/))

const Open = Schema.TaggedStruct("Open", { account: Name, balance: Amount })
const Transfer = Schema.TaggedStruct("Transfer", {
  id: Name,
  from: Name,
  to: Name,
  amount: Amount
})
export const Request = Schema.Union([Open, Transfer])

const Balance = Schema.TaggedStruct("Balance", { account: Name })
const Total = Schema.TaggedStruct("Total", {})
export const Query = Schema.Union([Balance, Total])

/** What became of a request or query. `balance` of a transfer: what is left to the payer. */
export const Answer = Schema.Union([
  Schema.TaggedStruct("Done", { balance: Schema.Int }),
  AccountExists,
  AccountUnknown,
  InsufficientFunds
])
export type Answer = typeof Answer.Type

/** JSON in UTF-8: a choice of this ledger's, Sealog never looks inside. */
const codec = <A, E>(schema: Schema.Codec<A, E>, format: string) => {
  const json = Schema.fromJsonString(schema)
  const decode = Schema.decodeUnknownResult(json)
  const encode = Schema.encodeSync(json)
  return {
    encode: (value: A): Uint8Array => Buffer.from(encode(value)),
    /** Throws {@link Malformed}: the node halts, with a typed error, rather than guess. */
    decode: (bytes: Uint8Array): A => {
      const decoded = decode(Buffer.from(bytes).toString())
      if (Result.isSuccess(decoded)) return decoded.success
      throw new Malformed({ format, reason: "unknownTag", offset: 0 })
    }
  }
}

export const requests = codec(Request, "ledger request")
export const queries = codec(Query, "ledger query")
export const answers = codec(Answer, "ledger answer")
const balances = codec(Schema.Int, "balance")

const done = (balance: number): Answer => ({ _tag: "Done", balance })
const accountKey = (account: string) => Buffer.from(`account:${account}`)
const transferKey = (id: string) => Buffer.from(`transfer:${id}`)

function balanceOf(store: ValueReader, account: string): number | undefined {
  const found = store.get(accountKey(account))
  return found === undefined ? undefined : balances.decode(found.value)
}

const setBalance = (store: ValueStore, account: string, balance: number) =>
  store.put(accountKey(account), balances.encode(balance))

function open(store: ValueStore, { account, balance }: typeof Open.Type): Answer {
  if (balanceOf(store, account) !== undefined) return new AccountExists({ account })
  setBalance(store, account, balance)
  return done(balance)
}

/** One request is one commit: both balances and the record of the transfer, or nothing. */
function transfer(store: ValueStore, { amount, from, id, to }: typeof Transfer.Type): Answer {
  const before = store.get(transferKey(id))
  if (before !== undefined) return answers.decode(before.value)
  const held = balanceOf(store, from)
  if (held === undefined) return new AccountUnknown({ account: from })
  if (balanceOf(store, to) === undefined) return new AccountUnknown({ account: to })
  if (held < amount) return new InsufficientFunds({ account: from, balance: held })
  setBalance(store, from, held - amount)
  // Read again: payer and payee may be one.
  setBalance(store, to, balanceOf(store, to)! + amount)
  const answer = done(held - amount)
  store.put(transferKey(id), answers.encode(answer))
  return answer
}

/** Everything in all accounts, read page by page. */
function total(store: ValueReader): Answer {
  let from: Uint8Array = accountKey("")
  let sum = 0
  for (;;) {
    const limits = { limit: 100, bytesMax: 64 * 1024 }
    const { entries, isComplete } = store.range({ from, until: Buffer.from("account;"), ...limits })
    for (const { value } of entries) sum += balances.decode(value)
    if (isComplete) return done(sum)
    from = Buffer.concat([entries.at(-1)!.key, Buffer.of(0)])
  }
}

function answerTo(store: ValueReader, query: typeof Query.Type): Answer {
  if (query._tag === "Total") return total(store)
  const balance = balanceOf(store, query.account)
  return balance === undefined ? new AccountUnknown({ account: query.account }) : done(balance)
}

/** The machine, for any node. */
export const layer: Layer.Layer<StateMachine> = Layer.succeed(StateMachine, {
  apply: (bytes, store) => {
    const request = requests.decode(bytes)
    const answer = request._tag === "Open" ? open(store, request) : transfer(store, request)
    return answers.encode(answer)
  },
  read: (bytes, store) => answers.encode(answerTo(store, queries.decode(bytes)))
})
