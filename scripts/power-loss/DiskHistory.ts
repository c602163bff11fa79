/**
 * Everything a process did to one directory, and when each part of it became durable: the model of the
 * disk that power-loss images are made from.
 *
 * The model, stricter than any one file system:
 * - bytes written are durable once an fsync or fdatasync of that file has *returned* that *began* after
 *   the write had returned, or once the write returns if its descriptor is O_SYNC or O_DSYNC; so is the
 *   length they gave the file. Until then any part of them may be on disk;
 * - a name (a file or directory made or removed) is durable once an fsync of the directory that holds
 *   it has returned that began afterwards. To sync a file does not make its name durable;
 * - what was there when the trace begins is durable.
 *
 * What must never happen here: a write the model does not see. Whatever it does not know (writing
 * through a map, renaming, cutting a file) is an error, and whoever uses it compares the model after
 * the last call with the real files (`DiskImage.differences`).
 * Proof: `test/e2e/PowerLossModel.test.ts`.
 */
import { basename, dirname, join } from "node:path"
import type { Argument, Call } from "../../test/support/StraceCalls.ts"

/** When it happened; moments are those of the trace. */
export interface Timed {
  readonly beganAt: number
  readonly returnedAt: number
  /** `Infinity` if it never became durable. */
  readonly durableAt: number
}

/** Bytes of one call. */
export interface Write extends Timed {
  readonly offset: number
  readonly bytes: Buffer
}

/** The length a call gave a file, without writing bytes. */
export interface Growth extends Timed {
  readonly size: number
}

export interface File {
  /** In the order in which they began. */
  readonly writes: ReadonlyArray<Write>
  readonly growths: ReadonlyArray<Growth>
  /** Written through a shared map (the lock file of LMDB): no trace shows what is in it. */
  readonly isMapped: boolean
}

/** A name in a directory begins to mean something else. */
export interface Naming extends Timed {
  /** Relative to the parent of the directory; its first part is the directory itself. */
  readonly path: string
  /** `undefined` if it was removed. */
  readonly target: File | "directory" | undefined
}

/** A line that the process wrote to its file of marks. */
export interface Mark {
  readonly line: string
  readonly beganAt: number
}

export interface DiskHistory {
  /** Of the same path, in order. */
  readonly namings: ReadonlyArray<Naming>
  readonly marks: ReadonlyArray<Mark>
  /** The calls that make durable: syncs, and writes through a synchronous descriptor. */
  readonly syncs: ReadonlyArray<Pick<Timed, "beganAt" | "returnedAt">>
  /** Ascending: just after the beginning and just after the return of everything above. */
  readonly moments: ReadonlyArray<number>
}

export interface Options {
  /** Absolute. Either it did not exist when the trace began, or nothing was in it. */
  readonly directory: string
  /** The process writes whole lines to it. */
  readonly marksFile: string
}

/** Throws on a call that the model does not know. */
export const make = (calls: ReadonlyArray<Call>, options: Options): DiskHistory =>
  new Historian(options).read(calls)

/** Later than everything that has happened at `moment`, earlier than anything else. */
const justAfter = 0.5

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

class FileRecord implements File {
  readonly writes: Array<Mutable<Write>> = []
  readonly growths: Array<Mutable<Growth>> = []
  isMapped = false
  size = 0

  /** A sync that has returned makes durable what had returned when it began. */
  synced({ beganAt, returnedAt }: Call): void {
    for (const change of [...this.writes, ...this.growths]) {
      if (change.returnedAt < beganAt) change.durableAt = Math.min(change.durableAt, returnedAt)
    }
  }
}

interface Open {
  readonly path: string
  readonly target: FileRecord | "directory"
  readonly isSynchronous: boolean
  /** Of the next `write` or `writev`. */
  position: number
}

class Historian {
  private readonly options: Options
  private readonly namings: Array<Mutable<Naming>> = []
  private readonly marks: Array<Mark> = []
  private readonly syncs: Array<Pick<Timed, "beganAt" | "returnedAt">> = []
  private readonly named = new Map<string, FileRecord | "directory">()
  private readonly open = new Map<number, Open>()

  constructor(options: Options) {
    this.options = options
  }

  read(calls: ReadonlyArray<Call>): DiskHistory {
    for (const call of calls.toSorted((a, b) => effectAt(a) - effectAt(b))) this.take(call)
    const { marks, namings, syncs } = this
    const files = namings.flatMap(({ target }) => (target instanceof FileRecord ? [target] : []))
    for (const { writes } of files) writes.sort((a, b) => a.beganAt - b.beganAt)
    const timed = [
      ...namings,
      ...syncs,
      ...files.flatMap((file) => [file.writes, file.growths]).flat()
    ]
    const moments = [
      ...timed.flatMap(({ beganAt, returnedAt }) => [beganAt, returnedAt]),
      ...marks.map(({ beganAt }) => beganAt)
    ].filter(Number.isFinite)
    return {
      namings,
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
        return this.name(call, this.pathOf(call.arguments[0]), "directory")
      case "unlink":
        return this.name(call, this.pathOf(call.arguments[0]), undefined)
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

  private opened(call: Call): void {
    if (call.result === undefined) return
    const at = call.name === "openat" ? 1 : 0
    const path = this.pathOf(call.arguments[at])
    if (!this.isOurs(path) && path !== dirname(this.options.directory)) return
    const flags = wordOf(call.arguments[at + 1])
    let target = this.named.get(path)
    if (target === undefined && !this.isOurs(path)) target = "directory"
    if (target === undefined) {
      if (!/\bO_CREAT\b/.test(flags))
        throw new Error(`${basename(path)} was there before the trace`)
      target = new FileRecord()
      this.name(call, path, target)
    }
    const isCut = /\bO_TRUNC\b/.test(flags) && target !== "directory" && target.size > 0
    if (isCut || /\bO_(APPEND|TMPFILE)\b/.test(flags)) {
      throw new Error(`the model of the disk does not know ${flags}`)
    }
    const isSynchronous = /\bO_D?SYNC\b/.test(flags)
    this.open.set(call.result, { path, target, isSynchronous, position: 0 })
  }

  private name(call: Call, path: string, target: FileRecord | "directory" | undefined): void {
    if (!this.isOurs(path)) return
    if (target === undefined) this.named.delete(path)
    else this.named.set(path, target)
    const relative = path.slice(dirname(this.options.directory).length + 1)
    this.namings.push({ path: relative, target, ...timesOf(call) })
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
    if (open.target !== "directory") return open.target.synced(call)
    const parent = dirname(this.options.directory)
    for (const naming of this.namings) {
      if (dirname(join(parent, naming.path)) !== open.path) continue
      if (naming.returnedAt < call.beganAt) {
        naming.durableAt = Math.min(naming.durableAt, call.returnedAt)
      }
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
  if (open === undefined || open.target === "directory") throw new Error("a file was expected")
  return open.target
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
