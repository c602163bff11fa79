/** Replicated states for tests of snapshots: rows of every table, that load and agree. */
import * as Effect from "effect/Effect"
import * as ReplicatedState from "../../src/domain/apply/ReplicatedState.ts"
import {
  ClusterId,
  type GroupId,
  type Incarnation,
  type LogIndex,
  type MemberId,
  type NodeName,
  type Revision,
  type Term
} from "../../src/domain/Ids.ts"
import type * as Members from "../../src/domain/members/Members.ts"
import * as Membership from "../../src/domain/raft/Membership.ts"
import { type StateReader, tables } from "../../src/domain/state/StateTransaction.ts"
import { StateStore } from "../../src/services/StateStore.ts"

export const groupId = 0 as GroupId
export const clusterId = ClusterId.make("000102030405060708090a0b0c0d0e0f")
export const identity = { groupId, clusterId }

/** Three voters, at an applied index. */
export function stateAt(index: number, term: number): ReplicatedState.ReplicatedState {
  const state = ReplicatedState.initial(identity)
  state.applied = { index: index as LogIndex, term: term as Term, revision: index as Revision }
  const ids = [1, 2, 3].map((id) => id as MemberId)
  state.members = {
    configuration: Membership.make(ids),
    byId: new Map(ids.map((id) => [id, memberOf(id)])),
    nextMemberId: 4 as MemberId
  } satisfies Members.Members
  return state
}

const memberOf = (id: MemberId) => ({
  id,
  nodeName: `n${id}` as NodeName,
  incarnation: id.toString(16).padStart(32, "0") as Incarnation,
  address: { host: "127.0.0.1", port: 7000 + id }
})

/** Writes it, with `count` values of `valueBytes` each, in commits of some of them. */
export const fill = Effect.fnUntraced(function* (
  state: ReplicatedState.ReplicatedState,
  { count, valueBytes }: { readonly count: number; readonly valueBytes: number }
) {
  const store = yield* StateStore
  for (let at = 0; at < count; at += 64) {
    yield* store.room
    store.transact((transaction) => {
      for (let key = at; key < Math.min(count, at + 64); key++) {
        transaction.put("kv", keyOf(key), valueOf(key, valueBytes))
      }
    })
  }
  store.transact((transaction) => {
    state.save(transaction, undefined)
    transaction.put("sessions", Buffer.of(7), Buffer.from("a session"))
  })
  yield* store.flush
})

const keyOf = (key: number): Buffer => Buffer.from(`key-${String(key).padStart(9, "0")}`)

const valueOf = (key: number, bytes: number): Buffer => Buffer.alloc(bytes, `${key}/`)

/** Every row of every table, in hexadecimal. */
export const contentOf = (reader: StateReader) =>
  tables.map((table) => [
    table,
    reader
      .range(table, {})
      .map(({ key, value }) => [
        Buffer.from(key).toString("hex"),
        Buffer.from(value).toString("hex")
      ])
  ])
