/** Repeatable numbers for tests: a small generator (mulberry32), good enough to vary, not to hide. */
export interface SeededNumbers {
  /** In [0, 1). */
  readonly next: () => number
  /** An integer in [0, limit). */
  readonly below: (limit: number) => number
}

export function seededNumbers(seed: number): SeededNumbers {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { next, below: (limit) => Math.floor(next() * limit) }
}
