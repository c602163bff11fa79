/**
 * The package as it would be published: built, packed, installed beside another program, which is
 * type-checked against the `.d.ts` files and run by plain Node. No network: what it depends on is
 * linked, and only what package.json declares.
 */
import { spawnSync } from "node:child_process"
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")
const folder = mkdtempSync(join(tmpdir(), "sealog-package-"))
const consumer = join(folder, "consumer")
const installed = join(consumer, "node_modules/sealog")
const timeout = 90_000

const run = (cwd: string, command: string, ...given: ReadonlyArray<string>) => {
  const { error, status, stderr, stdout } = spawnSync(command, given, {
    cwd,
    encoding: "utf8",
    timeout
  })
  return { code: status ?? error?.message, stdout, stderr }
}
const tsc = (cwd: string, project: string) =>
  run(cwd, process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p", project)
const node = (...given: ReadonlyArray<string>) => run(consumer, process.execPath, ...given)
const manifestOf = (path: string) => JSON.parse(readFileSync(join(path, "package.json"), "utf8"))

const program = `
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KekProviderMemory, KvStore, NodeName, Replica, Sealog } from "sealog"

const directory = process.argv[2]
const bytes = new TextEncoder().encode("kept")
const write = Effect.gen(function* () {
  const replica = yield* Replica
  const store = yield* KvStore
  yield* replica.caughtUp
  yield* store.put(bytes, bytes)
  const found = yield* store.get(bytes)
  return Buffer.from(found.value).toString()
})
const node = Sealog.layerKv({ directory, nodeName: NodeName.make("n1") }).pipe(
  Layer.provide(KekProviderMemory.layer({ bytes: new Uint8Array(32).fill(1) }))
)
process.stdout.write(await Effect.runPromise(Effect.provide(write, node)) + "\\n")
`

/** Each `@ts-expect-error` fails the check if the types have silently become \`any\`. */
const typed = `
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import {
  type KekProvider, MemoryDisk, NodeName, type NodeStopped, Replica, Sealog, StateMachine
} from "sealog"

const nodeName = NodeName.make("n1")
export const node: Layer.Layer<Sealog.Services, Sealog.StartFailure, StateMachine | KekProvider> =
  Sealog.layerMemory({ disk: new MemoryDisk(), nodeName })
// @ts-expect-error it needs a state machine
export const needy: Layer.Layer<Sealog.Services, Sealog.StartFailure, KekProvider> = node
// @ts-expect-error a node's name has been checked
Sealog.layer({ directory: "data", nodeName: "n1" })

declare const replica: Replica["Service"]
type Failure = Effect.Error<ReturnType<typeof replica.propose>>
export const canFailWith = (stopped: NodeStopped): Failure => stopped
// @ts-expect-error a result is bytes
export const text: Effect.Effect<string, Failure> = replica.propose(new Uint8Array(1))
`

const compilerOptions = {
  target: "es2024",
  module: "nodenext",
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
  types: ["node"]
}

/** Links a dependency of the repository into the consumer's modules. */
function link(name: string) {
  const to = join(consumer, "node_modules", name)
  mkdirSync(dirname(to), { recursive: true })
  symlinkSync(join(root, "node_modules", name), to)
}

let packed: ReadonlyArray<string> = []

beforeAll(() => {
  const source = join(folder, "source")
  mkdirSync(source)
  const copied = ["package.json", "tsconfig.json", "tsconfig.build.json", "README.md", "src"]
  for (const name of copied) cpSync(join(root, name), join(source, name), { recursive: true })
  symlinkSync(join(root, "node_modules"), join(source, "node_modules"))
  expect(tsc(source, "tsconfig.build.json")).toEqual({ code: 0, stdout: "", stderr: "" })
  const pack = run(source, "npm", "pack", "--ignore-scripts", "--json", "--offline")
  expect(pack.code, pack.stderr).toBe(0)
  const [{ filename, files }] = JSON.parse(pack.stdout)
  packed = files.map(({ path }: { readonly path: string }) => path)

  mkdirSync(installed, { recursive: true })
  const archive = join(source, filename)
  expect(run(folder, "tar", "-xzf", archive, "-C", installed, "--strip-components=1").code).toBe(0)
  const { dependencies, peerDependencies } = manifestOf(installed)
  const needed = Object.keys({ ...dependencies, ...peerDependencies })
  for (const name of [...needed, "@types/node"]) link(name)
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ type: "module" }))
  writeFileSync(join(consumer, "program.js"), program)
  writeFileSync(join(consumer, "typed.ts"), typed)
  writeFileSync(
    join(consumer, "tsconfig.json"),
    JSON.stringify({ compilerOptions, files: ["typed.ts"] })
  )
}, timeout)

afterAll(() => rmSync(folder, { recursive: true }))

describe("the package", () => {
  it("holds what it needs to run, and its sources for a debugger, and no more", () => {
    expect(packed).toEqual(
      expect.arrayContaining(["dist/index.js", "dist/index.d.ts", "README.md"])
    )
    const others = packed.filter(
      (path) => !/^(dist|src)\/|^(LICENSE|README.md|package.json)$/.test(path)
    )
    expect(others).toEqual([])
    expect(packed.filter((path) => path.endsWith(".tsbuildinfo"))).toEqual([])
  })

  it(
    "type-checks where it is used, its declarations included",
    () => {
      expect(tsc(consumer, "tsconfig.json")).toEqual({ code: 0, stdout: "", stderr: "" })
    },
    timeout
  )

  it(
    "runs on plain Node, on LMDB",
    () => {
      const { code, stderr, stdout } = node("program.js", join(folder, "data"))
      expect(code, stderr).toBe(0)
      expect(stdout).toMatch(/^kept$/m)
    },
    timeout
  )

  it("lets nobody import what is inside", () => {
    const { code, stderr } = node("-e", 'await import("sealog/dist/layers/Node.js")')
    expect(code).toBe(1)
    expect(stderr).toContain("ERR_PACKAGE_PATH_NOT_EXPORTED")
  })

  it(
    "brings the command line",
    () => {
      const { bin, version } = manifestOf(installed)
      const { code, stdout } = node(join(installed, bin.sealog), "--version")
      expect({ code, stdout: stdout.trim() }).toEqual({ code: 0, stdout: `sealog v${version}` })
      expect(readFileSync(join(installed, bin.sealog), "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/)
    },
    timeout
  )
})
