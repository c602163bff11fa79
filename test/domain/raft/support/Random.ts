/** A small deterministic generator (mulberry32): equal seeds give equal sequences. */

export interface Random {
  /** In `[0, 1)`. */
  readonly fraction: () => number
  /** An integer in `[from, until)`. */
  readonly between: (from: number, until: number) => number
  readonly chance: (probability: number) => boolean
  /** One of a non-empty list. */
  readonly pick: <A>(from: ReadonlyArray<A>) => A
  readonly shuffled: <A>(of: ReadonlyArray<A>) => ReadonlyArray<A>
}

export function make(seed: number): Random {
  let state = seed >>> 0
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (from: number, until: number): number =>
    from + Math.floor(fraction() * (until - from))
  return {
    fraction,
    between,
    chance: (probability) => fraction() < probability,
    pick: (from) => from[between(0, from.length)]!,
    shuffled: (of) =>
      of
        .map((item) => ({ item, order: fraction() }))
        .sort((a, b) => a.order - b.order)
        .map(({ item }) => item)
  }
}
