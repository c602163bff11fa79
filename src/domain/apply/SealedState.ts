/**
 * Does the state hold what only an enabled encryption makes, beside a sidecar that says it never was
 * (SPEC §17)?
 *
 * What must never happen: a node of phase 0 over sealed values, which it would hand on as corruption one
 * by one, and whose next values it would write in clear. Looking at every value of a large state would
 * hold up each start, so the first ones are looked at; a later one still fails its own read.
 * Proof: `SealedState.test.ts`.
 */
import * as Result from "effect/Result"
import { SealedStateNotEnabled } from "../encryption/Errors.ts"
import * as Span from "../kv/Span.ts"
import * as Value from "../kv/Value.ts"
import type { StateReader } from "../state/StateTransaction.ts"
import type { ReplicatedState } from "./ReplicatedState.ts"

/** Values looked at, and how many are read at a time: a value may have a MiB. */
export const valuesMax = 4096
const pageRows = 16

export function problemOf(
  { applied, registry, sidecar }: Pick<ReplicatedState, "applied" | "registry" | "sidecar">,
  reader: StateReader
): SealedStateNotEnabled | undefined {
  const appliedIndex = applied.index
  if (sidecar.keys.length === 0 && registry.writers.length > 0) {
    return new SealedStateNotEnabled({ found: "writer", appliedIndex })
  }
  if (sidecar.storageEnvelopeIndex !== 0) return undefined
  return hasSealedValue(reader)
    ? new SealedStateNotEnabled({ found: "value", appliedIndex })
    : undefined
}

function hasSealedValue(reader: StateReader): boolean {
  let from: Uint8Array = new Uint8Array(0)
  for (let seen = 0; seen < valuesMax; seen += pageRows) {
    const rows = reader.range("kv", { from, limit: pageRows })
    if (rows.some(({ value }) => isSealed(value))) return true
    if (rows.length < pageRows) return false
    from = Span.behind(rows.at(-1)!.key)
  }
  return false
}

/** A value that cannot be decoded is reported by who reads it. */
const isSealed = (stored: Uint8Array): boolean => {
  const value = Value.decode(stored)
  return Result.isSuccess(value) && value.success.isSealed
}
