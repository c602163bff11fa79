/**
 * What the recorded process says about itself, as lines in a file of marks: they are part of the trace,
 * so they have a place among the writes and syncs. A mark is written after the answer it speaks of.
 */

export type Mark =
  /** A node is built on the directory from here on. */
  | { readonly _tag: "Opening" }
  /** It serves. */
  | {
      readonly _tag: "Opened"
      readonly term: number
      readonly bootCount: number
      readonly clusterId: string
    }
  /** Acknowledged; `digest` is the CRC-32 of the value. */
  | {
      readonly _tag: "Put"
      readonly key: string
      readonly digest: number
      readonly revision: number
    }
  | {
      readonly _tag: "Deleted"
      readonly key: string
      readonly deleted: boolean
      readonly revision: number
    }
  | { readonly _tag: "StorageEnvelope"; readonly index: number }
  | { readonly _tag: "CutOver"; readonly index: number }

export const encode = (mark: Mark): string => `${JSON.stringify(mark)}\n`

export const decode = (line: string): Mark => JSON.parse(line) as Mark

/** Somebody was told that something has happened: it must survive. */
export const isAcknowledgement = ({ _tag }: Mark): boolean =>
  _tag !== "Opening" && _tag !== "Opened"
