/** SPEC §6: a node that cannot register follows, and everything an operator looks at says why. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { LocalEpoch } from "../../src/domain/Ids.ts"
import * as Limits from "../../src/domain/Limits.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as StoppedNode from "../../src/layers/StoppedNode.ts"
import { LocalStore } from "../../src/services/LocalStore.ts"
import * as Process from "../support/ProcessSealog.ts"

const { json, sealog, serve, stop } = Process

/** Uses up the epochs of every raft DEK the node has had. */
const useUpEpochs = (directory: string) =>
  Effect.gen(function* () {
    const local = yield* LocalStore
    const record = local.read()!
    const last = Limits.localEpochMax as LocalEpoch
    const epochs = new Map(Array.from(record.epochs.keys(), (keyId) => [keyId, last] as const))
    assert.strictEqual(epochs.size, 1)
    yield* local.write({ ...record, epochs })
  }).pipe(Effect.provide(StoppedNode.stores({ directory })), Effect.scoped)

it.live("a node whose epochs are used up says so in its status and in its log", () =>
  Effect.gen(function* () {
    const options = yield* Process.fresh
    const first = yield* serve(options)
    const client = yield* RpcClientSocket.connect(first.endpoint)
    yield* client.enableStorageEnvelope
    yield* client.enableRaftEnvelope
    const before = yield* sealog("status", "--endpoint", first.address)
    assert.notMatch(before.stdout, /candidacy/)
    yield* stop(first, "SIGTERM")
    yield* useUpEpochs(options.directory)

    const second = yield* serve(options)
    const reader = yield* RpcClientSocket.connect(second.endpoint)
    // It leads until its noop is applied and it has to register.
    const renounced = yield* Effect.repeat(reader.status, {
      until: ({ candidacyRenounced }) => candidacyRenounced !== undefined
    })
    assert.deepInclude(renounced, {
      role: "Follower",
      candidacyRenounced: "LocalEpochExhausted"
    } as const)
    const text = yield* sealog("status", "--endpoint", second.address)
    assert.match(text.stdout, /\ncandidacy: +renounced \(LocalEpochExhausted\)/)
    const answer = json(yield* sealog("status", "--endpoint", second.address, "--json"))
    assert.deepInclude(answer, { candidacyRenounced: "LocalEpochExhausted" })
    const { stderr } = yield* stop(second, "SIGTERM")
    assert.match(stderr, / level=ERROR .* event=CandidacyRenounced reason=LocalEpochExhausted\n/)
  })
)
