/** Several measurements of one thing: the median, and how far they spread. */
export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** The median of an even number of values is the mean of the two in the middle. */
export function summaryOf(values: ReadonlyArray<number>): Summary {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (position: number) => sorted[position] ?? Number.NaN
  const middle = (sorted.length - 1) / 2
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1)
  }
}
