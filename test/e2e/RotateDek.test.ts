/**
 * SPEC §18: both DEKs rotated over the command line, in each phase, and everything read back by the
 * process that follows. With three nodes: `test/layers/DekRotationCluster.test.ts`.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { KeyStatus as Key } from "../../src/domain/api/AdminApi.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Process from "../support/ProcessSealog.ts"

/** A node that starts twice, and a dozen commands. */
vi.setConfig({ testTimeout: 180_000 })

type KeyStatus = typeof Key.Type

interface Rotated {
  readonly keyId: number
  readonly replacedKeyId: number
  readonly index: number
  readonly wasAlreadyRotated: boolean
}

const purposes = ["storage", "raft"] as const

const rotateDek = (address: string, ...given: ReadonlyArray<string>) =>
  Process.sealog("encryption", "rotate-dek", "--endpoint", address, "--purpose", ...given)

const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString()

/** What does not change while the log goes on. */
const identityOf = ({ createdIndex, id, isActive, purpose }: KeyStatus) => [
  ...[id, purpose],
  ...[isActive, createdIndex]
]

describe("sealog encryption rotate-dek", () => {
  it.live("in phase 0 is refused; in 1 and 2 rotates, once for a key that is named", () =>
    Effect.gen(function* () {
      const options = yield* Process.fresh
      const node = yield* Process.serve(options)
      const client = yield* RpcClientSocket.connect(node.endpoint)
      for (const purpose of purposes) {
        const refused = yield* rotateDek(node.address, purpose)
        Process.assertRefused(refused, /run enable-storage-envelope first/)
      }
      const written: Array<string> = []
      const write = (key: string) =>
        Effect.map(client.put(key, `value of ${key}`), () => written.push(key))

      let last: Rotated | undefined
      for (const enable of ["enableStorageEnvelope", "enableRaftEnvelope"] as const) {
        yield* client[enable]
        yield* write(`${enable}: before`)
        for (const purpose of purposes) {
          last = Process.json(yield* rotateDek(node.address, purpose, "--json")) as Rotated
          assert.isFalse(last.wasAlreadyRotated)
          yield* write(`${enable}: after ${purpose}`)
        }
      }
      const done = last!
      const named = ["--replaces", `${done.replacedKeyId}`]
      const again = yield* rotateDek(node.address, "raft", ...named, "--json")
      assert.deepStrictEqual(Process.json(again), { ...done, wasAlreadyRotated: true })
      const inWords = yield* rotateDek(node.address, "storage")
      assert.match(inWords.stdout, /^storage key \d+ rotated at index \d+; key \d+ is active, and/)
      const unknown = yield* rotateDek(node.address, "raft", "--replaces", "1")
      Process.assertRefused(unknown, /no raft key 1; see `sealog encryption status`/)

      const { keys } = yield* client.encryptionStatus
      assert.strictEqual(keys.filter(({ isActive }) => isActive).length, 2)
      assert.strictEqual(keys.length, 2 + 4 + 1)
      assert.isTrue(keys.find(({ id }) => id === done.keyId)?.isActive)
      yield* Process.stop(node, "SIGKILL")

      const restarted = yield* Process.serve(options)
      const reader = yield* RpcClientSocket.connect(restarted.endpoint)
      yield* reader.put("after the restart", "value of after the restart")
      for (const key of [...written, "after the restart"]) {
        assert.strictEqual(text((yield* reader.get(key))?.value), `value of ${key}`)
      }
      const known = (yield* reader.encryptionStatus).keys
      assert.deepStrictEqual(known.map(identityOf), keys.map(identityOf))
    })
  )
})
