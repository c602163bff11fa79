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
 * - what was there when the trace begins is durable;
 * - to rename within a directory is one change: both names or neither.
 *
 * Proof: `test/e2e/PowerLossModel.test.ts`.
 */
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
  readonly _tag: "File"
  /** In the order in which they began. */
  readonly writes: ReadonlyArray<Write>
  readonly growths: ReadonlyArray<Growth>
  /** Written through a shared map (the lock file of LMDB): no trace shows what is in it. */
  readonly isMapped: boolean
}

export interface Directory {
  readonly _tag: "Directory"
  /** In order. */
  readonly namings: ReadonlyArray<Naming>
}

export type Node = File | Directory

/** Names in one directory begin to mean something else, all at once. */
export interface Naming extends Timed {
  /** `undefined` if the name was removed. */
  readonly meanings: ReadonlyArray<{ readonly name: string; readonly node: Node | undefined }>
}

/** A line that the process wrote to its file of marks. */
export interface Mark {
  readonly line: string
  readonly beganAt: number
}

export interface DiskHistory {
  /** The parent of the directory; of its names, those that are the process's. */
  readonly parent: Directory
  readonly marks: ReadonlyArray<Mark>
  /** The calls that make durable: syncs, and writes through a synchronous descriptor. */
  readonly syncs: ReadonlyArray<Pick<Timed, "beganAt" | "returnedAt">>
  /** Ascending: just after the beginning and just after the return of everything above. */
  readonly moments: ReadonlyArray<number>
}

/** Every file that ever had a name in the directory, or below it. */
export const filesIn = ({ namings }: Directory): ReadonlyArray<File> => {
  const nodes = new Set(namings.flatMap(({ meanings }) => meanings.map(({ node }) => node)))
  return [...nodes].flatMap((node) => {
    if (node === undefined) return []
    return node._tag === "File" ? [node] : filesIn(node)
  })
}
