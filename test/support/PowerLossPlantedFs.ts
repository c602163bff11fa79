/** Stands in for `node:fs` where a bug is planted: what is synced through it is not. */
export * from "node:fs"

export const fsyncSync = () => {}
