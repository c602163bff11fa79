/**
 * What the fuzzer asks of a decoder, whatever its bytes are: a verdict, and how an accepted value is
 * spelled. Anything a decoder throws is its crash, except what it declares to throw.
 */
import type { SeededNumbers } from "../support/SeededNumbers.ts"

export type Verdict =
  | {
      readonly _tag: "Accepted"
      /** What kind of value: inputs that reach a new kind are kept. */
      readonly kind: string
      /** The bytes this value is written as; `undefined` if the format has several spellings. */
      readonly spelling: Uint8Array | undefined
    }
  | { readonly _tag: "Refused"; readonly refusal: string; readonly reached: string }
  /** It contradicts itself, in words: another verdict for the same bytes in other pieces. */
  | { readonly _tag: "Contradiction"; readonly says: string }

export interface Decoder {
  readonly name: string
  /** The modules under `src/` whose decoders this runs. */
  readonly modules: ReadonlyArray<string>
  /** Valid inputs, before {@link seal}. Each must be accepted. */
  readonly seeds: ReadonlyArray<Uint8Array>
  /** Large or crafted inputs, run once and not mutated, of any verdict; before {@link seal}. */
  readonly extremes?: () => ReadonlyArray<Uint8Array>
  /** Makes checksums right, so that mutations reach what lies behind them. */
  readonly seal?: (body: Uint8Array) => Uint8Array
  /** The tags of the refusals it declares. */
  readonly refusals: ReadonlyArray<string>
  readonly run: (bytes: Uint8Array, random: SeededNumbers) => Verdict
}

/** A failure as the verdict tells it: its tag, and how far the decoder came. */
export function refused(failure: unknown): Verdict {
  const fields = Object(failure) as Record<string, unknown>
  const reached = `${fields["reason"]}@${fields["offset"] ?? fields["line"] ?? ""}`
  return { _tag: "Refused", refusal: String(fields["_tag"] ?? failure), reached }
}

/** For parsers that refuse with `undefined`. */
export const unsaid: Verdict = { _tag: "Refused", refusal: "undefined", reached: "" }

/** The bytes in pieces of any size, some of them empty or of one byte. */
export function piecesOf(bytes: Uint8Array, random: SeededNumbers): ReadonlyArray<Uint8Array> {
  const pieces: Array<Uint8Array> = []
  const largest = [1, 7, 64, 4096, 65536][random.below(5)]!
  // However long the input is, it is not cut into more pieces than this by more than once.
  const smallest = Math.ceil(bytes.length / 4096)
  for (let from = 0; from < bytes.length; ) {
    const size = Math.max(smallest, random.below(largest + 1))
    pieces.push(bytes.subarray(from, from + size))
    from += size
  }
  return pieces
}
