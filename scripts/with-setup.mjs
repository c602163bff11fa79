/**
 * Runs a command after making sure that the dependencies are installed:
 * `node scripts/with-setup.mjs <command> [arguments…]`.
 *
 * Runs before any dependency exists, so it is plain JavaScript for Node 20 and imports nothing but
 * Node. Afterwards `node_modules/.bin` is first on `PATH`, and the `node` in it is version 24: a
 * package, pinned like any other. Whatever set-up prints goes to stderr; stdout is the command's.
 */
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { constants } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, "node_modules")
const bin = join(modules, ".bin")
/** Names the lock file that `node_modules` was installed from. `npm ci` deletes it with the rest. */
const stampFile = join(modules, ".sealog-setup")
/** Outside `node_modules`, which `npm ci` deletes; empty, so that git never shows it. */
const lockDirectory = join(root, ".setup-lock")

const nodeMajorMin = 24
const lockTouchMillis = 1_000
/** A holder that has not touched its lock for this long is dead. */
const lockStaleMillis = 15_000
const lockPollMillis = 250
const lockWaitMillisMax = 15 * 60_000

const say = (line) => process.stderr.write(`sealog set-up: ${line}\n`)

/** Ends the process with one sentence for the user. */
const fail = (sentence) => {
  say(sentence)
  process.exit(1)
}

/** The environment in which `node` and every tool are the pinned ones. */
const environment = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` }

/**
 * Runs a program to its end and answers its exit code as a shell would: 127 when it does not exist,
 * 128 + the signal's number when a signal killed it. SIGINT, SIGTERM and SIGHUP are passed on.
 */
const run = (command, commandArguments, options) =>
  new Promise((resolve) => {
    const child = spawn(command, commandArguments, { env: environment, ...options })
    const forward = (signal) => child.kill(signal)
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"]
    for (const signal of signals) process.on(signal, forward)
    const finish = (code) => {
      for (const signal of signals) process.off(signal, forward)
      resolve(code)
    }
    child.once("error", (error) => {
      say(`cannot run ${command}: ${error.message}.`)
      finish(error.code === "ENOENT" ? 127 : 126)
    })
    child.once("exit", (code, signal) => finish(code ?? 128 + constants.signals[signal]))
  })

/** `loglevel` is explicit because `npm run -s` hands "silent" down, which would hide why it failed. */
const npm = (...npmArguments) =>
  run("npm", [...npmArguments, "--loglevel=error", "--no-audit", "--no-fund"], {
    cwd: root,
    stdio: ["ignore", 2, 2]
  })

const readText = (path) => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

const lockFileText = readText(join(root, "package-lock.json"))
if (lockFileText === undefined) fail("package-lock.json is missing: is this a complete checkout?")

const platform = `${process.platform}-${process.arch}`
/** Names the platform too: a checkout shared between two machines holds the binaries of one. */
const fingerprint = `${platform} ${createHash("sha256").update(lockFileText).digest("hex")}\n`

const majorOf = (version) => Number(/^v?(\d+)\./.exec(version)?.[1] ?? 0)
const hostNodeIsNewEnough = majorOf(process.version) >= nodeMajorMin

const isReady = () =>
  readText(stampFile) === fingerprint && (hostNodeIsNewEnough || existsSync(join(bin, "node")))

/**
 * Whether someone's own `npm ci` or `npm install` left what package-lock.json asks for. npm writes
 * `.package-lock.json` last, so an interrupted installation does not have it. Packages of other
 * platforms are optional and may be absent.
 */
const isInstalled = () => {
  const text = readText(join(modules, ".package-lock.json"))
  const fromAnotherPlatform = readText(stampFile)?.startsWith(`${platform} `) === false
  if (text === undefined || fromAnotherPlatform) return false
  const wanted = JSON.parse(lockFileText).packages
  const present = JSON.parse(text).packages
  return (
    Object.entries(wanted).every(
      ([path, { integrity, optional }]) =>
        path === "" || (path in present ? present[path].integrity === integrity : optional === true)
    ) && Object.keys(present).every((path) => path in wanted)
  )
}

/** Asks the `node` that commands will get. */
const nodeIsNewEnough = async () => {
  const probe = `process.exit(+process.versions.node.split(".")[0] >= ${nodeMajorMin} ? 0 : 1)`
  return (await run("node", ["-e", probe], { stdio: "ignore" })) === 0
}

const install = async () => {
  if (!isInstalled()) {
    say("installing dependencies (npm ci) …")
    const code = await npm("ci", "--include=dev")
    if (code > 128) process.exit(code)
    if (code !== 0) fail(`npm ci failed with exit code ${code}; its output is above.`)
  }
  if (!(await nodeIsNewEnough())) {
    say(`fetching Node ${nodeMajorMin} (npm rebuild node) …`)
    // An install without scripts leaves the package in place and its binary out.
    const code = await npm("rebuild", "node", "--ignore-scripts=false")
    if (code > 128) process.exit(code)
    if (!(await nodeIsNewEnough())) {
      fail(`Node ≥ ${nodeMajorMin} is needed and npm could not install it; install it yourself.`)
    }
  }
  writeFileSync(stampFile, fingerprint)
}

/** What `action` answers, or `undefined` if it failed with one of the expected codes. */
const tolerating = (codes, action) => {
  try {
    return action()
  } catch (error) {
    if (codes.includes(error.code)) return undefined
    return fail(`cannot prepare the checkout: ${error.message}.`)
  }
}

/** False when another process holds the lock. A lock nobody touches any more is removed first. */
const tryLock = () => {
  tolerating(["ENOENT"], () => {
    if (Date.now() - statSync(lockDirectory).mtimeMs > lockStaleMillis) rmdirSync(lockDirectory)
  })
  return tolerating(["EEXIST"], () => {
    mkdirSync(lockDirectory)
    return true
  })
}

/** One installation at a time; the others wait for it and find everything ready. */
const setUp = async () => {
  const deadline = Date.now() + lockWaitMillisMax
  for (let told = false; !tryLock(); told = true) {
    if (!told) say("waiting for another installation in this checkout …")
    if (Date.now() > deadline) fail("another installation has been running for too long.")
    await sleep(lockPollMillis)
  }
  // The lock may be gone: a machine that slept for a while was taken for dead.
  const unlock = () => tolerating(["ENOENT"], () => rmdirSync(lockDirectory))
  const touch = () =>
    tolerating(["ENOENT"], () => utimesSync(lockDirectory, new Date(), new Date()))
  process.once("exit", unlock)
  const touching = setInterval(touch, lockTouchMillis)
  if (!isReady()) await install()
  clearInterval(touching)
  process.off("exit", unlock)
  unlock()
}

const [command, ...commandArguments] = process.argv.slice(2)
if (command === undefined) fail("usage: node scripts/with-setup.mjs <command> [arguments…]")
if (!isReady()) await setUp()
process.exit(await run(command, commandArguments, { stdio: "inherit" }))
