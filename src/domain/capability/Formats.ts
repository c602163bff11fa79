/**
 * The formats that a node must understand to take part in encryption, and the versions of this release
 * (SPEC §14). Ids are part of the answer's format: never given again. Proof: `Verdict.test.ts`.
 */

export interface Format {
  readonly id: number
  readonly name: string
  readonly version: number
}

export const formats: ReadonlyArray<Format> = [
  { id: 1, name: "wrapped DEK", version: 1 },
  { id: 2, name: "raft envelope", version: 1 },
  { id: 3, name: "storage envelope", version: 1 },
  { id: 4, name: "registration", version: 1 },
  { id: 5, name: "sidecar", version: 1 },
  { id: 6, name: "snapshot header", version: 2 }
]

/** Of this release: the newest version of each format, by its id. */
export const own: ReadonlyMap<number, number> = new Map(
  formats.map(({ id, version }) => [id, version])
)

/** The first format that is not understood as it must be. */
export const tooOld = (
  understood: ReadonlyMap<number, number>
): (Format & { readonly understood: number }) | undefined => {
  const missing = formats.find(({ id, version }) => (understood.get(id) ?? 0) < version)
  return missing && { ...missing, understood: understood.get(missing.id) ?? 0 }
}
