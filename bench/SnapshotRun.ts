/** A snapshot from one process to another, each under a heap of 256 MiB, and what both used. */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { Report } from "./SnapshotProcess.ts"

const program = fileURLToPath(new URL("SnapshotProcess.ts", import.meta.url))

export interface SnapshotRun {
  readonly sender: Report
  readonly receiver: Report
  /** Values that were written, and that the receiver has after a reopening. */
  readonly rows: { readonly sent: number; readonly received: number }
}

type NodeOptions = ReadonlyArray<string>

/** Starts a process; its lines as they come, and its end. */
function start(role: string, directory: string, argument = "", nodeOptions: NodeOptions = []) {
  const heap = "--max-old-space-size=256"
  const options = [...nodeOptions, heap, program, role, directory, argument]
  const child = spawn(process.execPath, options, { stdio: ["ignore", "pipe", "inherit"] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`${role} ended with ${signal ?? code}`))
    })
  })
  const line = async (): Promise<string> => {
    const next = await Promise.race([lines.next(), ended.then(() => lines.next())])
    return next.done === true ? "" : next.value
  }
  return { line, ended }
}

const said = async <A>(role: string, directory: string): Promise<A> => {
  const { ended, line } = start(role, directory)
  const answer = JSON.parse(await line())
  await ended
  return answer
}

/** In a temporary directory, which is removed. */
export async function run(options: {
  readonly mebibytes: number
  /** For the two that transfer. */
  readonly nodeOptions?: NodeOptions
}): Promise<SnapshotRun> {
  const root = mkdtempSync(join(tmpdir(), "sealog-snapshot-"))
  try {
    const [from, to, socket] = ["from", "to", "socket"].map((name) => join(root, name))
    await start("fill", from!, String(options.mebibytes)).ended
    const receiving = start("receive", to!, socket!, options.nodeOptions)
    await receiving.line()
    const sending = start("send", from!, socket!, options.nodeOptions)
    const [sender, receiver] = (await Promise.all([sending.line(), receiving.line()])).map((line) =>
      JSON.parse(line)
    ) as [Report, Report]
    await Promise.all([sending.ended, receiving.ended])
    const sent = await said<{ readonly rows: number }>("count", from!)
    const received = await said<{ readonly rows: number }>("count", to!)
    return { sender, receiver, rows: { sent: sent.rows, received: received.rows } }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
