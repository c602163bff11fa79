/**
 * What a power loss at one moment may leave of a {@link DiskHistory}: what was durable, and of the rest
 * whatever chance leaves, whole or torn.
 *
 * A sector of 512 bytes is never torn, and holds what the page cache held after *some* write to it, not
 * older than what was durable. Which one is drawn by sector, block of 4 KiB, or whole write.
 * What must never happen here: durable bytes or names that are missing from an image.
 * Proof: `test/e2e/PowerLossModel.test.ts`.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { SeededNumbers } from "../../test/support/SeededNumbers.ts"
import type { Directory, DiskHistory, File, Node, Timed, Write } from "./DiskHistory.ts"

/** By path, parents first. */
export type DiskImage = ReadonlyMap<string, Buffer | "directory">

const sectorBytes = 512
const blockBytes = 4096

/** What survives of one write that is not durable yet: is this sector of the file on disk? */
type Survival = (sector: number) => boolean

const all: Survival = () => true
const none: Survival = () => false

/** Draws what survives of the writes to one file that are not durable, in the order of the writes. */
type Policy = (count: number, numbers: SeededNumbers) => ReadonlyArray<Survival>

const each =
  (survival: (numbers: SeededNumbers, at: number) => Survival): Policy =>
  (count, numbers) =>
    Array.from({ length: count }, (_, at) => survival(numbers, at))

/** Each part of `unitBytes` is on disk or not, by chance. */
const torn = (numbers: SeededNumbers, unitBytes: number, chance = numbers.next()): Survival => {
  const kept = new Map<number, boolean>()
  return (sector) => {
    const unit = Math.floor((sector * sectorBytes) / unitBytes)
    const known = kept.get(unit) ?? numbers.next() < chance
    kept.set(unit, known)
    return known
  }
}

const someUnit = (numbers: SeededNumbers) => (numbers.below(2) === 0 ? sectorBytes : blockBytes)

const policies = {
  /** The disk has done nothing since the last sync. */
  nothing: each(() => none),
  /** The process died, the machine went on. */
  everything: each(() => all),
  wholeWrites: (count, numbers) => {
    const chance = numbers.next()
    return each(() => (numbers.next() < chance ? all : none))(count, numbers)
  },
  tornWrites: (count, numbers) => {
    const unit = someUnit(numbers)
    return each(() => torn(numbers, unit))(count, numbers)
  },
  /** In order, up to one that is torn. */
  oldest: (count, numbers) => {
    const last = numbers.below(count + 1)
    const unit = someUnit(numbers)
    return each((_, at) => (at < last ? all : at > last ? none : torn(numbers, unit)))(
      count,
      numbers
    )
  },
  /** The last ones overtook the first. */
  newest: (count, numbers) => {
    const first = numbers.below(count + 1)
    return each((_, at) => (at >= first ? all : none))(count, numbers)
  },
  /** One is missing or torn, whatever came after it. */
  allButOne: (count, numbers) => {
    const missing = numbers.below(Math.max(1, count))
    const survival = numbers.below(2) === 0 ? none : torn(numbers, someUnit(numbers))
    return each((_, at) => (at === missing ? survival : all))(count, numbers)
  },
  onlyOne: (count, numbers) => {
    const kept = numbers.below(Math.max(1, count))
    return each((_, at) => (at === kept ? all : none))(count, numbers)
  }
} satisfies Record<string, Policy>

export type PolicyName = keyof typeof policies

/** Drawn alike, but that most images are to differ from a clean copy. */
const drawn: ReadonlyArray<PolicyName> = [
  "nothing",
  "wholeWrites",
  "wholeWrites",
  "tornWrites",
  "tornWrites",
  "tornWrites",
  "oldest",
  "newest",
  "allButOne",
  "onlyOne",
  "everything"
]

/** An image after a power loss just before `moment`; `policy` replaces the one drawn for each file. */
export function make(
  history: DiskHistory,
  moment: number,
  numbers: SeededNumbers,
  policy?: PolicyName
): DiskImage {
  const pick = () => policies[policy ?? drawn[numbers.below(drawn.length)]!]
  const image = new Map<string, Buffer | "directory">()
  const add = (node: Node, path: string) => {
    if (node._tag === "File") {
      image.set(path, contentAt(node, moment, pick(), numbers))
      return
    }
    if (path !== "") image.set(path, "directory")
    // A file whose name is lost shows nothing of its bytes: in every other directory all names stay.
    const names = numbers.below(2) === 0 ? policies.everything : pick()
    for (const [name, named] of namesAt(node, moment, names, numbers)) add(named, join(path, name))
  }
  add(history.parent, "")
  return image
}

/** The directory as the process saw it. */
export const cleanCopy = (history: DiskHistory, moment: number): DiskImage =>
  make(history, moment, { next: () => 0, below: () => 0 }, "everything")

/** Paths that are in one of them only, or hold other bytes. */
export function differences(one: DiskImage, other: DiskImage): ReadonlyArray<string> {
  const isEqual = (path: string) => {
    const [a, b] = [one.get(path), other.get(path)]
    return a instanceof Buffer && b instanceof Buffer ? a.equals(b) : a === b
  }
  return [...new Set([...one.keys(), ...other.keys()])].filter((path) => !isEqual(path))
}

/** Writes the image under `parent`, an existing directory. */
export function writeTo(parent: string, image: DiskImage): void {
  for (const [path, content] of image) {
    if (content === "directory") mkdirSync(join(parent, path), { mode: 0o700 })
    else writeFileSync(join(parent, path), content)
  }
}

/** The real files behind the paths of a model, read from under `parent`. */
export const readFrom = (parent: string, model: DiskImage): DiskImage =>
  new Map(
    [...model].map(([path, content]) => [
      path,
      content === "directory" ? content : readFileSync(join(parent, path))
    ])
  )

const hasBegun = (moment: number) => (change: Timed) => change.beganAt < moment

/** The last change that surely is on disk stays; of the later ones one may have come after it. */
const survivalsOf = (
  changes: ReadonlyArray<Timed>,
  moment: number,
  policy: Policy,
  numbers: SeededNumbers
): ReadonlyArray<Survival> => {
  const open = changes.filter(({ durableAt }) => durableAt >= moment)
  const drawnFor = new Map(policy(open.length, numbers).map((survival, at) => [open[at], survival]))
  return changes.map((change) => drawnFor.get(change) ?? all)
}

function namesAt(
  directory: Directory,
  moment: number,
  policy: Policy,
  numbers: SeededNumbers
): ReadonlyMap<string, Node> {
  const begun = directory.namings.filter(hasBegun(moment))
  const survivals = survivalsOf(begun, moment, policy, numbers)
  const names = new Map<string, Node>()
  for (const [at, { meanings }] of begun.entries()) {
    if (!survivals[at]!(0)) continue
    for (const { name, node } of meanings) {
      if (node === undefined) names.delete(name)
      else names.set(name, node)
    }
  }
  return names
}

function contentAt(file: File, moment: number, policy: Policy, numbers: SeededNumbers): Buffer {
  const writes = file.writes.filter(hasBegun(moment))
  const survivals = survivalsOf(writes, moment, policy, numbers)
  const growths = file.growths.filter(hasBegun(moment))
  const fullSize = sizeOf(writes, growths)
  // In whole sectors: the last one is cut off again below.
  const cache = Buffer.alloc(Math.ceil(fullSize / sectorBytes) * sectorBytes)
  const disk = Buffer.alloc(cache.length)
  let survivedSize = 0
  for (const [at, { bytes, offset }] of writes.entries()) {
    bytes.copy(cache, offset)
    const until = Math.ceil((offset + bytes.length) / sectorBytes)
    for (let sector = Math.floor(offset / sectorBytes); sector < until; sector++) {
      if (!survivals[at]!(sector)) continue
      const from = sector * sectorBytes
      cache.copy(disk, from, from, from + sectorBytes)
      survivedSize = Math.max(survivedSize, Math.min(from + sectorBytes, offset + bytes.length))
    }
  }
  const isDurable = ({ durableAt }: Timed) => durableAt < moment
  const durableSize = sizeOf(writes.filter(isDurable), growths.filter(isDurable))
  const covering = Math.max(durableSize, survivedSize)
  const isFull = survivals.every((survival) => survival === all)
  return disk.subarray(
    0,
    isFull ? fullSize : drawSize({ durableSize, covering, fullSize }, numbers)
  )
}

/** Length and bytes need not reach the disk together. */
function drawSize(
  sizes: Readonly<Record<"durableSize" | "covering" | "fullSize", number>>,
  numbers: SeededNumbers
): number {
  const chance = numbers.next()
  if (chance < 0.15) return sizes.durableSize
  return chance < 0.3 ? sizes.fullSize : sizes.covering
}

const sizeOf = (
  writes: ReadonlyArray<Pick<Write, "offset" | "bytes">>,
  growths: ReadonlyArray<{ readonly size: number }>
): number =>
  Math.max(
    0,
    ...writes.map(({ bytes, offset }) => offset + bytes.length),
    ...growths.map(({ size }) => size)
  )

/** Files whose bytes no trace shows, by their paths after the last call. */
export function mappedPaths({ parent }: DiskHistory): ReadonlyArray<string> {
  const within = (directory: Directory, path: string): ReadonlyArray<string> =>
    directory.namings
      .flatMap(({ meanings }) => meanings)
      .flatMap(({ name, node }) => {
        if (node?._tag === "Directory") return within(node, join(path, name))
        return node?.isMapped === true ? [join(path, name)] : []
      })
  return within(parent, "")
}
