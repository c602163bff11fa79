/** How inputs are changed: mostly small changes of valid ones, and lengths set to what hurts. */
import type { SeededNumbers } from "../support/SeededNumbers.ts"

/** A longer input is cut: what a length says can be far more than there is. */
export const inputBytesMax = 16 * 1024

type Mutate = (bytes: Buffer, random: SeededNumbers, other: Uint8Array) => Buffer

/** One to four changes. `other` is a second valid input, for splices. */
export function mutated(bytes: Uint8Array, random: SeededNumbers, other: Uint8Array): Buffer {
  let changed: Buffer = Buffer.from(bytes)
  do {
    changed = mutations[random.below(mutations.length)]!(changed, random, other)
  } while (random.below(3) === 0)
  return changed.length > inputBytesMax ? changed.subarray(0, inputBytesMax) : changed
}

/** A range, empty at times. */
function rangeOf(bytes: Buffer, random: SeededNumbers): readonly [from: number, until: number] {
  const from = random.below(bytes.length + 1)
  const longest = random.below(4) === 0 ? bytes.length : 24
  return [from, Math.min(bytes.length, from + random.below(longest + 1))]
}

const flipBit: Mutate = (bytes, random) => {
  if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8)
  return bytes
}

const setByte: Mutate = (bytes, random) => {
  if (bytes.length === 0) return bytes
  const anything = random.below(256)
  bytes[random.below(bytes.length)] = [0, 1, 2, 0x7f, 0x80, 0xff, anything, anything][
    random.below(8)
  ]!
  return bytes
}

const cut: Mutate = (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1))

const remove: Mutate = (bytes, random) => {
  const [from, until] = rangeOf(bytes, random)
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(until)])
}

const insert: Mutate = (bytes, random) => {
  const at = random.below(bytes.length + 1)
  const inserted = Buffer.alloc(1 + random.below(20), random.below(256))
  if (random.below(2) === 0)
    for (let i = 0; i < inserted.length; i++) inserted[i] = random.below(256)
  return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)])
}

const repeat: Mutate = (bytes, random) => {
  const [from, until] = rangeOf(bytes, random)
  const part = bytes.subarray(from, until)
  return Buffer.concat([bytes.subarray(0, until), part, bytes.subarray(until)])
}

/** Two neighbouring ranges change places. */
const reorder: Mutate = (bytes, random) => {
  const [from, until] = rangeOf(bytes, random)
  const end = Math.min(bytes.length, until + random.below(25))
  return Buffer.concat([
    bytes.subarray(0, from),
    bytes.subarray(until, end),
    bytes.subarray(from, until),
    bytes.subarray(end)
  ])
}

const splice: Mutate = (bytes, random, other) => {
  const source = Buffer.from(other)
  const [from, until] = rangeOf(source, random)
  const [at, resumed] = rangeOf(bytes, random)
  return Buffer.concat([
    bytes.subarray(0, at),
    source.subarray(from, until),
    bytes.subarray(resumed)
  ])
}

const extremes = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  2n ** 48n - 1n,
  2n ** 48n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n
]

/** A big-endian number somewhere is set to an extreme, or to about as many bytes as follow it. */
const setNumber: Mutate = (bytes, random) => {
  const width = [1, 2, 4, 8][random.below(4)]!
  if (bytes.length < width) return bytes
  const at = random.below(bytes.length - width + 1)
  const following = BigInt(Math.max(0, bytes.length - at - width + random.below(3) - 1))
  const value = random.below(3) === 0 ? following : extremes[random.below(extremes.length)]!
  const wide = Buffer.alloc(8)
  wide.writeBigUInt64BE(value)
  wide.copy(bytes, at, 8 - width)
  return bytes
}

const mutations: ReadonlyArray<Mutate> = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  setNumber,
  setNumber,
  cut,
  remove,
  insert,
  repeat,
  reorder,
  splice
]
