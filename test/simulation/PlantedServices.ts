/**
 * How a bug gets into a node that is assembled as in production: in services, by what is put in their
 * place; in the classes of the domain, by methods that are replaced while a run lasts.
 *
 * What must never happen: a class that stays changed after the run.
 */
import type { Swap } from "../support/SwappedLayers.ts"
import * as Planted from "./Planted.ts"

export type Method = (...parts: ReadonlyArray<never>) => unknown

/** A method of all objects of a class is another one while a run lasts. */
export function patched<M extends Method>(
  { prototype }: { readonly prototype: object },
  name: string,
  replace: (original: M) => M
): Planted.Planted {
  const during = <A>(run: () => A): A => {
    const original = Object.getOwnPropertyDescriptor(prototype, name)
    if (original === undefined) throw new Error(`there is no ${name} to be replaced`)
    const method = original.get ?? original.value
    const other = replace(method as M)
    const replaced = original.get === undefined ? { value: other } : { get: other }
    Object.defineProperty(prototype, name, { ...original, ...replaced })
    try {
      return run()
    } finally {
      Object.defineProperty(prototype, name, original)
    }
  }
  return { ...Planted.none, during }
}

export const swapped = (swaps: (name: string) => ReadonlyArray<Swap>): Planted.Planted => ({
  ...Planted.none,
  swaps
})

/** One bug in two places. */
export const both = (first: Planted.Planted, second: Planted.Planted): Planted.Planted => ({
  ...first,
  settings: { ...first.settings, ...second.settings },
  swaps: (name) => [...first.swaps(name), ...second.swaps(name)],
  during: (run) => first.during(() => second.during(run))
})

/** Planted together with another, which alone shows nothing with the seed that catches both. */
export const together = (besides: Planted.Planted, bug: Planted.Planted): Planted.Planted => ({
  ...both(bug, besides),
  besides,
  alone: bug
})
