/**
 * `npm start` as a user runs it: three real nodes, a write through a follower, a node that is killed and
 * comes back, Ctrl-C, and a new beginning.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { answered } from "../../scripts/cluster/Asking.ts"
import { isFree } from "../../scripts/cluster/KeptPort.ts"
import * as Endpoint from "../../src/domain/api/Endpoint.ts"
import * as RpcClientSocket from "../../src/layers/RpcClientSocket.ts"
import * as Process from "../support/ProcessSealog.ts"

/** A cluster and two dozen processes take their time on a machine that is busy with something else. */
vi.setConfig({ testTimeout: 240_000 })

const program = join(import.meta.dirname, "../../scripts/start.ts")

/** `npm start` under way, and what it has printed. */
class Running {
  output = ""
  code: number | null | undefined = undefined
  readonly child: ChildProcess

  constructor(given: ReadonlyArray<string>) {
    this.child = spawn(process.execPath, [program, ...given], { stdio: "pipe" })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text) => {
        this.output += text
        this.child.emit("progress")
      })
    }
    this.child.once("close", (code) => {
      this.code = code
      this.child.emit("progress")
    })
  }

  /** Returns once it is so; looked at whenever something was printed, and at the end. */
  private once(isSo: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const look = () => {
        if (isSo()) resume(Effect.void)
        else if (this.code !== undefined) resume(Effect.die(new Error(this.output)))
      }
      this.child.on("progress", look)
      look()
      return Effect.sync(() => this.child.off("progress", look))
    })
  }

  says(text: RegExp): Effect.Effect<void> {
    return this.once(() => text.test(this.output))
  }

  /** How often a line of this kind was printed. */
  saysTimes(count: number, text: RegExp): Effect.Effect<void> {
    return this.once(
      () => this.output.split("\n").filter((line) => text.test(line)).length >= count
    )
  }

  /** Returns its exit code; without a signal it is to end by itself. */
  end(signal?: NodeJS.Signals): Effect.Effect<number | null | undefined> {
    if (signal !== undefined && this.code === undefined) this.child.kill(signal)
    return Effect.map(
      this.once(() => this.code !== undefined),
      () => this.code
    )
  }
}

/** Ended when the scope closes, so that no node is left behind. */
const start = (...given: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => new Running(given)),
    (running) => Effect.asVoid(running.end("SIGINT"))
  )

/**
 * The first of the ports that `npm start` takes, all free a moment ago; below those that the system gives
 * to whoever asks for any, so that none is taken meanwhile.
 */
const freeBase = Effect.gen(function* () {
  for (let at = process.pid; ; at += 1) {
    const base = 10_000 + (at % 900) * portsTaken
    const free = yield* Effect.forEach(Array.from({ length: portsTaken }), (_, offset) =>
      isFree(base + offset)
    )
    if (free.every(Boolean)) return base
  }
})

const portsTaken = 23

/** The process that has this data directory. */
const processOf = (directory: string): number => {
  const listed = execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" })
  const line = listed.split("\n").find((text) => text.includes(`--data-dir ${directory} `))
  return Number(line?.trim().split(" ")[0])
}

describe("npm start", () => {
  it.live("runs three nodes, brings back one that is killed, stops all, and begins anew", () =>
    Effect.gen(function* () {
      const temporary = yield* Process.temporaryDirectory
      const directory = join(temporary, "data")
      const port = yield* freeBase
      const given = ["--port", `${port}`, "--data-dir", directory]
      const first = yield* start(...given)
      yield* first.says(/all three nodes serve/)
      const endpoints = [0, 1, 2].map((at) => ({ host: "127.0.0.1", port: port + at }))
      const client = yield* RpcClientSocket.connect(endpoints)
      const leading = yield* answered(
        Effect.map(client.members, (members) => members.find(({ isLeader }) => isLeader))
      )
      const follower = endpoints.find((_, at) => at + 1 !== leading.id)!
      const one = yield* RpcClientSocket.connect(follower)
      assert.deepStrictEqual(yield* one.put("k", "v"), { revision: 1 })

      const name = leading.nodeName
      process.kill(processOf(join(directory, name)), "SIGKILL")
      yield* first.says(new RegExp(`${name} was ended by SIGKILL; starting it again`))
      yield* first.saysTimes(2, new RegExp(`^${name} +\\| serves clients`))
      assert.deepStrictEqual(yield* client.put("k", "again"), { revision: 2 })
      const back = Endpoint.parse(`127.0.0.1:${port + leading.id - 1}`)!
      const found = yield* answered(
        Effect.scoped(Effect.flatMap(RpcClientSocket.connect(back), (node) => node.get("k")))
      )
      assert.strictEqual(Buffer.from(found.value).toString(), "again")

      assert.strictEqual(yield* first.end("SIGINT"), 0)
      assert.match(first.output, /all nodes have stopped\n$/)
      assert.isNaN(processOf(join(directory, "n1")), "nothing is left")

      const second = yield* start(...given, "--reset")
      yield* second.says(/removed .*n1[\s\S]*removed .*n2[\s\S]*removed .*n3[\s\S]*removed .*kek/)
      yield* second.says(/all three nodes serve/)
      const anew = yield* RpcClientSocket.connect(endpoints)
      assert.isUndefined(yield* anew.get("k"))
      assert.isTrue(existsSync(join(directory, "n1")))
      assert.strictEqual(yield* second.end("SIGTERM"), 0)
    })
  )

  it.live("reports a node that refuses to start, and leaves it alone", () =>
    Effect.gen(function* () {
      const temporary = yield* Process.temporaryDirectory
      const directory = join(temporary, "data")
      const port = yield* freeBase
      const first = yield* start("--port", `${port}`, "--data-dir", directory)
      yield* first.says(/all three nodes serve/)
      const second = yield* start("--port", `${port}`, "--data-dir", directory)
      yield* second.says(/no node is left/)
      assert.strictEqual(yield* second.end(), 1)
      assert.match(second.output, /n1 +\| sealog: .*(locked|in use|another process)/i)
      assert.match(second.output, /n1 refused to start and is not started again/)
    })
  )
})
