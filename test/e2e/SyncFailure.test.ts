/**
 * SPEC §8: a failed commit stops the node, and is never tried again in the process. Errors of the disk
 * are injected into a real node with strace; afterwards it is restarted without them and read.
 */
import { cpSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NodeProcess from "../../scripts/demo/NodeProcess.ts"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Process from "../support/ProcessSealog.ts"
import { environments as placesOf } from "../support/StoppedDirectory.ts"
import * as StraceProcess from "../support/StraceProcess.ts"
import * as StraceTrace from "../support/StraceTrace.ts"

const { itTraced } = StraceProcess

type Environment = "log" | "state"

interface Fault {
  readonly environment: Environment
  /** While it is made, an environment has another name. */
  readonly isUnfinished?: boolean
  readonly call: "fdatasync" | "fsync" | "pwrite64"
  /** The third such call of a thread: `3`; and all later ones: `3+`. */
  readonly when: string
}

const before = ["before-0", "before-1", "before-2"]
/** More than any fault waits for. */
const putsMax = 24

/** A stopped node in phase 2 that has a few values. */
const stoppedNode = Effect.gen(function* () {
  const options = yield* Process.fresh
  const node = yield* Process.serve(options)
  const client = yield* RpcClientSocket.connect(node.endpoint)
  yield* client.put(before[0]!, before[0]!)
  yield* client.enableStorageEnvelope
  yield* client.put(before[1]!, before[1]!)
  yield* client.enableRaftEnvelope
  yield* client.put(before[2]!, before[2]!)
  assert.strictEqual((yield* Process.stop(node, "SIGTERM")).code, 0)
  return options
})

/** Puts until one fails; answers those that were acknowledged and the failure. */
const putUntilFailure = Effect.fnUntraced(function* (endpoint: Endpoint.Endpoint) {
  const acknowledged: Array<string> = []
  const failure = yield* Effect.gen(function* () {
    const client = yield* RpcClientSocket.connect(endpoint)
    for (let at = 0; at < putsMax; at += 1) {
      yield* client.put(`put-${at}`, `put-${at}`)
      acknowledged.push(`put-${at}`)
    }
  }).pipe(Effect.scoped, Effect.flip, Effect.option)
  return { acknowledged, failure }
})

/** Starts a node that meets the fault, writes to it until it stops, and returns how that went. */
const meet = Effect.fnUntraced(function* (options: NodeProcess.ServeOptions, fault: Fault) {
  const { call, environment, isUnfinished = false, when } = fault
  const output = join(options.directory, "../trace")
  const place = placesOf(options.directory)[environment]
  const folder = isUnfinished ? `${place}.unfinished` : place
  const node = yield* Process.start(
    NodeProcess.serveArguments(options),
    StraceProcess.launch({
      output,
      calls: ["openat", call],
      path: call === "fsync" ? folder : join(folder, "data.mdb"),
      inject: `${call}:error=EIO:when=${when}`
    })
  )
  const served = yield* Effect.option(node.firstLine)
  const nothing = { acknowledged: [] as ReadonlyArray<string>, failure: served }
  const puts =
    served._tag === "None"
      ? nothing
      : yield* putUntilFailure(Endpoint.parse(JSON.parse(served.value).listen)!)
  if (served._tag === "Some") assert.strictEqual(puts.failure._tag, "Some", "no put failed")
  const ended = yield* node.end
  const events = StraceTrace.parse(readFileSync(output, "latin1"))
  const injected = events.filter(StraceTrace.isInjected)
  assert.isNotEmpty(injected, `the fault was not met; stderr: ${ended.stderr}`)
  return { ended, injected, events, hasServed: served._tag === "Some", ...puts }
})

/** Restarts without a fault: what was acknowledged is there, and what was never sent is not. */
const assertWhole = Effect.fnUntraced(function* (
  options: NodeProcess.ServeOptions,
  { kept, put }: { readonly kept: ReadonlyArray<string>; readonly put: ReadonlyArray<string> }
) {
  const node = yield* Process.serve(options)
  const client = yield* RpcClientSocket.connect(node.endpoint)
  const read = (key: string) =>
    Effect.map(client.get(key), (found) =>
      found === undefined ? undefined : Buffer.from(found.value).toString()
    )
  for (const key of [...kept, ...put]) assert.strictEqual(yield* read(key), key)
  const open = `put-${put.length}`
  assert.include([undefined, open], yield* read(open))
  assert.isUndefined(yield* read(`put-${put.length + 1}`))
  assert.strictEqual((yield* Process.stop(node, "SIGTERM")).code, 0)
}, Effect.scoped)

/** The log says what it likes; besides it there is one sentence, the last line. */
const assertOneSentence = (stderr: string, sentence: RegExp) => {
  const lines = stderr.trimEnd().split("\n")
  const said = lines.filter((line) => !line.startsWith("timestamp="))
  assert.lengthOf(said, 1, stderr)
  assert.match(said[0]!, sentence)
  assert.strictEqual(lines.at(-1), said[0])
}

const nameOf = ({ call, environment, when }: Fault) => `${call} ${when} of the ${environment}`

const environments = ["log", "state"] as const

const faultsOf = (call: Fault["call"], whens: ReadonlyArray<string>) =>
  environments.flatMap((environment) => whens.map((when): Fault => ({ environment, call, when })))

type Met = Effect.Success<ReturnType<typeof meet>>

/** A copy of the stopped node meets the fault, and is whole after it. */
const meetInCopy = Effect.fnUntraced(function* (original: NodeProcess.ServeOptions, fault: Fault) {
  const { call, environment, when } = fault
  const directory = `${original.directory}-${environment}-${call}-${when}`
  const options = { ...original, directory }
  cpSync(original.directory, directory, { recursive: true })
  const met = yield* Effect.scoped(meet(options, fault))
  yield* assertWhole(options, { kept: before, put: met.acknowledged })
  return met
})

const assertHalted = (fault: Fault, { ended, hasServed }: Met) => {
  assert.strictEqual(ended.signal, null, `${nameOf(fault)}: ${ended.stderr}`)
  const sentence = `^sealog: .*the ${fault.environment} could not be written .*Input/output error`
  assertOneSentence(ended.stderr, new RegExp(sentence))
  // A node that has not served may take it for a refused start.
  assert.include(hasServed ? [70] : [1, 70], ended.code, nameOf(fault))
}

/** Whether what failed was LMDB's meta page: written through a descriptor that syncs. */
const wasMeta = ({ events, injected }: Met): boolean => {
  const syncing = events
    .filter((event) => event._tag === "Left")
    .filter(({ argumentText, name }) => name === "openat" && argumentText.includes("O_DSYNC"))
    .map(({ result }) => StraceTrace.descriptorOf(result)?.number)
  return syncing.includes(StraceTrace.descriptorOf(injected[0]!.argumentText)?.number)
}

/**
 * When the write of a page fails, LMDB prints without an end of line and damages the heap. Then nobody
 * can promise how the process ends (see `AbandonProcess`), only that it does, and does not end well.
 */
const assertEnded = (fault: Fault, { ended, hasServed }: Met) => {
  const { code, signal, stderr } = ended
  if (signal !== null) return assert.include(["SIGABRT", "SIGSEGV"], signal, nameOf(fault))
  assert.match(stderr, new RegExp(`sealog: .*the ${fault.environment} could not be written`))
  assert.include(hasServed ? [70] : [1, 70], code, nameOf(fault))
}

describe("a node whose disk fails", () => {
  itTraced("in a sync stops with one sentence and loses nothing", () =>
    Effect.gen(function* () {
      const original = yield* stoppedNode
      for (const fault of faultsOf("fdatasync", ["1", "9", "3+"])) {
        const met = yield* meetInCopy(original, fault)
        assertHalted(fault, met)
        // The third may be before or after the start is over; the ninth is after it.
        if (fault.when === "9") assert.isTrue(met.hasServed, nameOf(fault))
      }
    })
  )

  itTraced(
    "in the write of a meta page stops likewise; in that of any other it loses nothing",
    () =>
      Effect.gen(function* () {
        const original = yield* stoppedNode
        for (const environment of environments) {
          // One write after the other, until both kinds of page were among them.
          const kinds = new Set<"meta" | "other">()
          for (let at = 2; kinds.size < 2; at += 1) {
            assert.isBelow(at, 12, `only ${[...kinds]} pages were written`)
            const fault: Fault = { environment, call: "pwrite64", when: `${at}` }
            const met = yield* meetInCopy(original, fault)
            const isMeta = wasMeta(met)
            kinds.add(isMeta ? "meta" : "other")
            if (isMeta) assertHalted(fault, met)
            else assertEnded(fault, met)
          }
        }
      })
  )

  itTraced("while its directory is created refuses to start, and starts once it is mended", () =>
    Effect.gen(function* () {
      const { kekFile, directory, nodeName } = yield* Process.fresh
      const syncs = [...faultsOf("fdatasync", ["1"]), ...faultsOf("fsync", ["1"])]
      const faults = syncs.map((fault) => ({ ...fault, isUnfinished: true }))
      for (const [at, fault] of faults.entries()) {
        const options = { kekFile, nodeName, directory: `${directory}-${at}` }
        const { ended, hasServed } = yield* Effect.scoped(meet(options, fault))
        assert.isFalse(hasServed, nameOf(fault))
        assert.strictEqual(ended.code, 1, `${nameOf(fault)}: ${ended.stderr}`)
        assertOneSentence(ended.stderr, /^sealog: data directory .* cannot be used/)
        yield* assertWhole(options, { kept: [], put: [] })
      }
    })
  )
})
