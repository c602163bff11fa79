/**
 * Makes a {@link DiskHistory} of the system calls of processes.
 *
 * What must never happen here: a write the model does not see. Whatever it does not know (writing
 * through a map, cutting a file, renaming into another directory) is an error, and whoever uses it
 * compares the model after the last call with the real files (`DiskImage.differences`).
 * Proof: `test/e2e/PowerLossModel.test.ts`.
 */
import { basename, dirname, relative } from "node:path"
import type { Argument, Call } from "../../test/support/StraceCalls.ts"
import type {
  Directory,
  DiskHistory,
  File,
  Growth,
  Mark,
  Naming,
  Timed,
  Write
} from "./DiskHistory.ts"

export interface Options {
  /** Absolute. Either it did not exist when the trace began, or nothing was in it. */
  readonly directory: string
  /** The process writes whole lines to it. */
  readonly marksFile: string
}

/**
 * The history of one process after another, each with a trace. Throws on a call that the model does
 * not know.
 */
export const make = (
  processes: ReadonlyArray<ReadonlyArray<Call>>,
  options: Options
): DiskHistory => new Historian(options).read(processes)

/** Later than everything that has happened at `moment`, earlier than anything else. */
const justAfter = 0.5

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

class FileRecord implements File {
  readonly _tag = "File"
  readonly writes: Array<Mutable<Write>> = []
  readonly growths: Array<Mutable<Growth>> = []
  isMapped = false
  size = 0

  get changes(): ReadonlyArray<Mutable<Timed>> {
    return [...this.writes, ...this.growths]
  }
}

class DirectoryRecord implements Directory {
  readonly _tag = "Directory"
  readonly namings: Array<Mutable<Naming>> = []
  /** As the process sees it. */
  readonly names = new Map<string, NodeRecord>()

  get changes(): ReadonlyArray<Mutable<Timed>> {
    return this.namings
  }
}

type NodeRecord = FileRecord | DirectoryRecord

interface Open {
  readonly node: NodeRecord
  readonly isSynchronous: boolean
  /** Of the next `write` or `writev`. */
  position: number
}

class Historian {
  private readonly options: Options
  private readonly parent = new DirectoryRecord()
  private readonly nodes: Array<NodeRecord> = [this.parent]
  private readonly marks: Array<Mark> = []
  private readonly syncs: Array<Pick<Timed, "beganAt" | "returnedAt">> = []
  private readonly open = new Map<number, Open>()

  constructor(options: Options) {
    this.options = options
  }

  read(processes: ReadonlyArray<ReadonlyArray<Call>>): DiskHistory {
    let from = 0
    for (const calls of processes) {
      const placed = placedAt(calls, from)
      for (const call of placed.toSorted((a, b) => effectAt(a) - effectAt(b))) this.take(call)
      from = Math.max(from, ...placed.map(({ returnedAt }) => returnedAt)) + 1
      this.open.clear()
    }
    const { marks, nodes, parent, syncs } = this
    for (const node of nodes) {
      if (node._tag === "File") node.writes.sort((a, b) => a.beganAt - b.beganAt)
    }
    const timed = [...syncs, ...nodes.flatMap(({ changes }) => changes)]
    const moments = [
      ...timed.flatMap(({ beganAt, returnedAt }) => [beganAt, returnedAt]),
      ...marks.map(({ beganAt }) => beganAt)
    ].filter(Number.isFinite)
    return {
      parent,
      marks,
      syncs,
      moments: [...new Set(moments)].sort((a, b) => a - b).map((moment) => moment + justAfter)
    }
  }

  private take(call: Call): void {
    if (call.result !== undefined && call.result < 0) return this.takeFailed(call)
    switch (call.name) {
      case "open":
      case "openat":
      case "creat":
        return this.opened(call)
      case "close":
        this.open.delete(this.descriptorOf(call).number)
        return
      case "lseek": {
        const open = this.openOf(call)
        if (open !== undefined) open.position = call.result!
        return
      }
      case "write":
      case "writev":
      case "pwrite64":
      case "pwritev":
      case "pwritev2":
        return this.wrote(call)
      case "ftruncate":
        return this.resized(call)
      case "fsync":
      case "fdatasync":
        return this.synced(call)
      case "mkdir":
        return this.name(call, [[this.pathOf(call.arguments[0]), new DirectoryRecord()]])
      case "unlink":
      case "rmdir":
        return this.name(call, [[this.pathOf(call.arguments[0]), undefined]])
      case "rename":
        return this.renamed(call)
      case "mmap":
        return this.mapped(call)
      case "fcntl":
        if (!/F_DUPFD/.test(wordOf(call.arguments[1]))) return
        return this.unknownIfOurs(call)
      default:
        return this.unknownIfOurs(call)
    }
  }

  /** A failed sync or write makes everything uncertain; a failed opening changes nothing. */
  private takeFailed(call: Call): void {
    if (/^(f?sync|fdatasync|p?writev?|pwrite64|ftruncate)$/.test(call.name))
      this.unknownIfOurs(call)
  }

  private isOurs(path: string): boolean {
    const { directory } = this.options
    return path === directory || path.startsWith(`${directory}/`)
  }

  private unknownIfOurs(call: Call): void {
    const isOurs = pathsIn(call.arguments).some((path) => this.isOurs(path))
    const isBlind = /^(sync|syncfs)$/.test(call.name)
    if (isOurs || isBlind) throw new Error(`the model of the disk does not know ${call.name}`)
  }

  private pathOf(argument: Argument | undefined): string {
    if (argument?._tag !== "Bytes") throw new Error("a path was expected in the trace")
    return argument.bytes.toString()
  }

  private descriptorOf(call: Call) {
    const descriptor = call.arguments[0]
    return descriptor?._tag === "Descriptor" ? descriptor : { number: -1, path: "" }
  }

  private openOf(call: Call): Open | undefined {
    return this.open.get(this.descriptorOf(call).number)
  }

  private nodeAt(path: string): NodeRecord | undefined {
    const parts = relative(dirname(this.options.directory), path).split("/")
    return parts.reduce<NodeRecord | undefined>(
      (node, name) => (node?._tag === "Directory" ? node.names.get(name) : undefined),
      this.parent
    )
  }

  private directoryOf(path: string): DirectoryRecord {
    const parent = dirname(path)
    const node = parent === dirname(this.options.directory) ? this.parent : this.nodeAt(parent)
    if (node?._tag !== "Directory") throw new Error(`${parent} was there before the trace`)
    return node
  }

  private opened(call: Call): void {
    if (call.result === undefined) return
    const at = call.name === "openat" ? 1 : 0
    const path = this.pathOf(call.arguments[at])
    const flags = wordOf(call.arguments[at + 1])
    const isParent = path === dirname(this.options.directory)
    if (!isParent && !this.isOurs(path)) return
    let node = isParent ? this.parent : this.nodeAt(path)
    if (node === undefined) {
      if (!/\bO_CREAT\b/.test(flags)) throw new Error(`${path} was there before the trace`)
      node = new FileRecord()
      this.name(call, [[path, node]])
    }
    const isCut = /\bO_TRUNC\b/.test(flags) && node._tag === "File" && node.size > 0
    if (isCut || /\bO_(APPEND|TMPFILE)\b/.test(flags)) {
      throw new Error(`the model of the disk does not know ${flags}`)
    }
    this.open.set(call.result, { node, isSynchronous: /\bO_D?SYNC\b/.test(flags), position: 0 })
  }

  private renamed(call: Call): void {
    const [from, to] = [this.pathOf(call.arguments[0]), this.pathOf(call.arguments[1])]
    if (!this.isOurs(from) && !this.isOurs(to)) return
    const node = this.nodeAt(from)
    if (node === undefined || dirname(from) !== dirname(to)) return this.unknownIfOurs(call)
    this.name(call, [
      [from, undefined],
      [to, node]
    ])
  }

  /** Of one directory. */
  private name(
    call: Call,
    meanings: ReadonlyArray<readonly [path: string, node: NodeRecord | undefined]>
  ): void {
    if (!meanings.every(([path]) => this.isOurs(path))) return
    const directory = this.directoryOf(meanings[0]![0])
    const named = meanings.map(([path, node]) => ({ name: basename(path), node }))
    for (const { name, node } of named) {
      if (node === undefined) directory.names.delete(name)
      else directory.names.set(name, node)
      if (node !== undefined && !this.nodes.includes(node)) this.nodes.push(node)
    }
    directory.namings.push({ meanings: named, ...timesOf(call) })
  }

  private wrote(call: Call): void {
    const written = Buffer.concat(bytesIn(call.arguments[1]))
    if (this.descriptorOf(call).path === this.options.marksFile) {
      for (const line of written.toString().trimEnd().split("\n")) {
        this.marks.push({ line, beganAt: call.beganAt })
      }
      return
    }
    const open = this.openOf(call)
    if (open === undefined) return
    const file = fileOf(open)
    const isPositioned = call.name.startsWith("p")
    const offset = isPositioned ? Number(wordOf(call.arguments[3])) : open.position
    const bytes = call.result === undefined ? written : written.subarray(0, call.result)
    if (!isPositioned) open.position = offset + bytes.length
    file.size = Math.max(file.size, offset + bytes.length)
    const times = timesOf(call)
    if (open.isSynchronous) {
      this.syncs.push(call)
      times.durableAt = call.returnedAt
    }
    file.writes.push({ offset, bytes, ...times })
  }

  private resized(call: Call): void {
    const open = this.openOf(call)
    if (open === undefined) return
    const file = fileOf(open)
    const size = Number(wordOf(call.arguments[1]))
    if (size < file.size) throw new Error("the model of the disk does not know how to cut a file")
    file.size = size
    file.growths.push({ size, ...timesOf(call) })
  }

  private synced(call: Call): void {
    const open = this.openOf(call)
    if (open === undefined || call.result === undefined) return
    this.syncs.push(call)
    // What had returned when it began.
    for (const change of open.node.changes) {
      if (change.returnedAt >= call.beganAt) continue
      change.durableAt = Math.min(change.durableAt, call.returnedAt)
    }
  }

  private mapped(call: Call): void {
    const [, , protection, flags, descriptor] = call.arguments
    if (descriptor?._tag !== "Descriptor" || !this.isOurs(descriptor.path)) return
    const isWritable = /PROT_WRITE/.test(wordOf(protection)) && /MAP_SHARED/.test(wordOf(flags))
    if (!isWritable) return
    const name = basename(descriptor.path)
    if (name !== "lock.mdb") throw new Error(`${name} is written through a map: no trace shows it`)
    fileOf(this.open.get(descriptor.number)).isMapped = true
  }
}

/**
 * The calls of one process behind those of another. One that was under way when its process was killed
 * is taken to have returned by then: whether it did, the comparison with the real files tells.
 */
function placedAt(calls: ReadonlyArray<Call>, from: number): ReadonlyArray<Call> {
  const until = calls.flatMap(({ beganAt, returnedAt }) => [beganAt, returnedAt])
  const end = Math.max(0, ...until.filter(Number.isFinite)) + 1
  return calls.map((call) => ({
    ...call,
    beganAt: call.beganAt + from,
    returnedAt: Math.min(call.returnedAt, end) + from
  }))
}

/** A descriptor means what it meant when the call began; an opening or a sync counts from its return. */
const effectAt = ({ beganAt, name, returnedAt }: Call): number =>
  /^(open|openat|creat|fsync|fdatasync)$/.test(name) ? returnedAt : beganAt

const timesOf = ({ beganAt, returnedAt }: Call): Mutable<Timed> => ({
  beganAt,
  returnedAt,
  durableAt: Number.POSITIVE_INFINITY
})

const wordOf = (argument: Argument | undefined): string =>
  argument?._tag === "Word" ? argument.text : ""

function fileOf(open: Open | undefined): FileRecord {
  if (open?.node._tag !== "File") throw new Error("a file was expected")
  return open.node
}

function bytesIn(argument: Argument | undefined): ReadonlyArray<Buffer> {
  switch (argument?._tag) {
    case "Bytes":
      return [argument.bytes]
    case "List":
      return argument.items.flatMap(bytesIn)
    case "Struct":
      return [...argument.fields.values()].flatMap(bytesIn)
    default:
      return []
  }
}

const pathsIn = (given: ReadonlyArray<Argument>): ReadonlyArray<string> =>
  given.flatMap((argument) => {
    if (argument._tag === "Descriptor") return [argument.path]
    return argument._tag === "Bytes" ? [argument.bytes.toString()] : []
  })
