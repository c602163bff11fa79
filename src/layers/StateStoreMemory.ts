/**
 * The memory twin of the state environment, on a {@link MemoryDisk}: atomic commits, ordered, some of
 * the last of which a crash may take.
 *
 * Proof: `test/contracts/StateStore.ts`, run by `test/layers/MemoryStores.test.ts`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { keyText } from "../domain/state/Changes.ts"
import { StateWriteFailure } from "../domain/state/Errors.ts"
import { makeTransact, OverlayTransaction } from "../domain/state/OverlayTransaction.ts"
import { assertKey, type StateReader } from "../domain/state/StateTransaction.ts"
import { StateStore } from "../services/StateStore.ts"
import type { MemoryDisk, Tables } from "./MemoryDisk.ts"

const readerOf = (tables: () => Tables): StateReader => ({
  get: (table, key) => {
    assertKey(key)
    const value = tables()[table].get(keyText(key))
    return value === undefined ? undefined : Buffer.from(value)
  },
  range: (table, range) => tables()[table].range(range)
})

function make({ disk }: { readonly disk: MemoryDisk }): StateStore["Service"] {
  const reader = readerOf(() => disk.tables)
  const { opening } = disk
  const broken = Deferred.makeUnsafe<never, StateWriteFailure>()
  let failure: StateWriteFailure | undefined

  const fail = (operation: string, cause: Error): void => {
    failure = new StateWriteFailure({ operation, cause })
    Deferred.doneUnsafe(broken, Exit.fail(failure))
  }
  /** Why nothing more may be written, if so. */
  const refusal = (operation: string): StateWriteFailure | undefined => {
    if (failure === undefined && disk.opening !== opening) {
      fail(operation, new Error("the disk has crashed since it was opened"))
    }
    return failure
  }
  const unlessRefused = (operation: string, then: () => void = () => {}) =>
    Effect.suspend(() => {
      const refused = refusal(operation)
      if (refused !== undefined) return Effect.fail(refused)
      then()
      return Effect.void
    })

  return {
    reader,
    durable: readerOf(() => disk.durableTables),
    transact: makeTransact({
      begin: () => {
        const refused = refusal("commit")
        if (refused !== undefined) throw refused
        return new OverlayTransaction(reader, [])
      },
      commit: (changes) => {
        const fault = disk.commit(changes)
        if (fault !== undefined) fail("commit", fault)
      }
    }),
    room: unlessRefused("commit"),
    flush: unlessRefused("flush", () => disk.flush()),
    failed: Deferred.await(broken)
  }
}

export const layer = (options: { readonly disk: MemoryDisk }) =>
  Layer.sync(StateStore, () => make(options))
