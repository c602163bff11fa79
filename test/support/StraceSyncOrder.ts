/**
 * Was every acknowledgement preceded by what makes it true? Judges a trace of a node (SPEC §1, §8).
 *
 * A commit of LMDB is durable after three steps, each begun when the one before is over: its pages are
 * written, the file is synced, the head of a meta page is written and durable. That last write goes
 * through a descriptor opened with `O_DSYNC`, which syncs by itself; through any other it needs a sync
 * of its own. An acknowledgement is a write to the socket of a client whose request has been read.
 *
 * What counts in favour of the node is what has returned before the write to the socket is entered.
 * Only what the file of the log got counts; the state's syncs vouch for nothing.
 */
import * as StraceTrace from "./StraceTrace.ts"

export interface Options {
  /** The file of the log environment. */
  readonly file: string
  /** Of each request: bytes that are in no other one. A client has one request under way at a time. */
  readonly canaries: ReadonlyArray<string>
  /**
   * What the bytes of a request are among those written to the log: those with its canary, or, where
   * they are sealed and requests come one at a time, all that are written after it was read.
   */
  readonly entry: "canary" | "everything since"
}

export type Lack = "not written" | "not synced" | "not committed"

export interface Verdict {
  readonly acknowledged: ReadonlyArray<string>
  readonly violations: ReadonlyArray<{ readonly canary: string; readonly lack: Lack }>
  /** Syncs of the log that have returned 0, and durable commits of it. */
  readonly syncs: number
  readonly commits: number
}

/** How far the entry of one request has come; each is the time at which that step was over. */
interface Progress {
  readonly canary: string
  written: number | undefined
  synced: number | undefined
  /** The meta page is written, durably or not. */
  named: number | undefined
  committed: number | undefined
}

interface Connection {
  request: Progress | undefined
  /** Sizes of the pings read and not yet answered; a pong has the size of its ping. */
  readonly pings: Array<number>
}

const writes = new Set(["write", "writev", "sendto", "sendmsg", "pwrite64", "pwritev", "pwritev2"])
const reads = new Set(["read", "readv", "recvfrom", "recvmsg"])
const syncs = new Set(["fdatasync", "fsync"])
/** LMDB writes whole pages, and of a meta page only its head. */
const metaBytesMax = 511
/** No request is that small, and a ping is not larger. */
const pingBytesMax = 16

export function check(events: ReadonlyArray<StraceTrace.Event>, options: Options): Verdict {
  return new Checker(options).run(events)
}

class Checker {
  private readonly options: Options
  private readonly connections = new Map<string, Connection>()
  private readonly progresses: Array<Progress> = []
  /** Descriptors of the log file that sync what is written through them. */
  private readonly syncing = new Set<number>()
  /** When each thread entered the call it is in. */
  private readonly enteredAt = new Map<number, number>()
  private now = 0
  private readonly acknowledged: Array<string> = []
  private readonly violations: Array<{ readonly canary: string; readonly lack: Lack }> = []
  private syncCount = 0
  private commitCount = 0

  constructor(options: Options) {
    this.options = options
  }

  run(events: ReadonlyArray<StraceTrace.Event>): Verdict {
    for (const event of events) {
      this.now += 1
      if (event._tag === "Entered") this.entered(event)
      else this.left(event)
    }
    const { acknowledged, commitCount: commits, syncCount: syncs, violations } = this
    return { acknowledged, violations, syncs, commits }
  }

  private entered(event: StraceTrace.Entered): void {
    this.enteredAt.set(event.thread, this.now)
    const descriptor = StraceTrace.descriptorOf(event.argumentText)
    if (descriptor === undefined || !writes.has(event.name)) return
    const connection = this.connections.get(descriptor.of)
    if (connection !== undefined) this.answers(connection, event.argumentText)
  }

  private left(event: StraceTrace.Left): void {
    if (event.name === "openat") return this.opened(event)
    const descriptor = StraceTrace.descriptorOf(event.argumentText)
    if (descriptor === undefined || StraceTrace.returned(event) < 0) return
    if (descriptor.of.startsWith("TCP") && reads.has(event.name)) {
      return this.received(descriptor.of, event)
    }
    if (descriptor.of !== this.options.file) return
    const begun = this.enteredAt.get(event.thread)!
    if (syncs.has(event.name)) this.synced(begun)
    else if (writes.has(event.name)) this.wrote(descriptor.number, event, begun)
  }

  private opened(event: StraceTrace.Left): void {
    const descriptor = StraceTrace.descriptorOf(event.result)
    if (descriptor === undefined) return
    const isSyncing = descriptor.of === this.options.file && /\bO_D?SYNC\b/.test(event.argumentText)
    if (isSyncing) this.syncing.add(descriptor.number)
    else this.syncing.delete(descriptor.number)
  }

  private received(name: string, event: StraceTrace.Left): void {
    const connection = this.connections.get(name) ?? { request: undefined, pings: [] }
    this.connections.set(name, connection)
    const canary = this.options.canaries.find((each) => event.argumentText.includes(each))
    if (canary === undefined) {
      const bytes = StraceTrace.returned(event)
      if (bytes > 0 && bytes <= pingBytesMax) connection.pings.push(bytes)
      return
    }
    const nothing = {
      written: undefined,
      synced: undefined,
      named: undefined,
      committed: undefined
    }
    connection.request = { canary, ...nothing }
    this.progresses.push(connection.request)
  }

  private wrote(descriptor: number, event: StraceTrace.Left, begun: number): void {
    const isMeta = StraceTrace.returned(event) <= metaBytesMax
    if (isMeta) return this.named(this.syncing.has(descriptor), begun)
    for (const progress of this.progresses) {
      const isItsOwn =
        this.options.entry === "canary"
          ? progress.written === undefined && event.argumentText.includes(progress.canary)
          : !this.acknowledged.includes(progress.canary)
      if (!isItsOwn) continue
      progress.written = this.now
      progress.synced = undefined
      progress.named = undefined
      progress.committed = undefined
    }
  }

  private named(isDurable: boolean, begun: number): void {
    if (isDurable) this.commitCount += 1
    for (const progress of this.progresses) {
      if (progress.synced === undefined || progress.synced > begun) continue
      progress.named ??= this.now
      if (isDurable) progress.committed ??= this.now
    }
  }

  private synced(begun: number): void {
    this.syncCount += 1
    for (const progress of this.progresses) {
      const { named, written } = progress
      if (named !== undefined && named < begun) progress.committed ??= this.now
      if (written !== undefined && written < begun) progress.synced ??= this.now
    }
  }

  private answers(connection: Connection, argumentText: string): void {
    const { pings, request } = connection
    const ping = pings.indexOf(bytesOf(argumentText))
    if (ping >= 0) {
      pings.splice(ping, 1)
      return
    }
    if (request === undefined) return
    connection.request = undefined
    this.acknowledged.push(request.canary)
    const lack = lackOf(request)
    if (lack !== undefined) this.violations.push({ canary: request.canary, lack })
  }
}

function lackOf({ committed, synced, written }: Progress): Lack | undefined {
  if (written === undefined) return "not written"
  if (synced === undefined) return "not synced"
  return committed === undefined ? "not committed" : undefined
}

/** The last argument of `write(fd, "…", count)`; of calls with vectors, none that a ping has. */
function bytesOf(argumentText: string): number {
  return Number(/, (\d+)$/.exec(argumentText)?.[1] ?? Number.NaN)
}
