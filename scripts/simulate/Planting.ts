/** Searches the seeds that catch the planted bugs. */
export function search(_: { readonly nodes: number; readonly seed: number }): boolean {
  return false
}
