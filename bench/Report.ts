/** Medians and spread of the rounds, for people and for programs. */
import type { Mode } from "./Node.ts"
import type { RoundResult } from "./Round.ts"
import type { SealRates } from "./Seals.ts"
import { type Summary, summaryOf } from "./Summary.ts"

export interface Level {
  readonly callers: number
  readonly putsPerSecond: Readonly<Record<Mode, Summary>>
  readonly syncsPerPut: Readonly<Record<Mode, number>>
  readonly cpuMicrosPerPut: Readonly<Record<Mode, number>>
  readonly mainThreadMicrosPerPut: Readonly<Record<Mode, number>>
  /** Of the medians. */
  readonly sealedToPlain: number
}

export function level(
  callers: number,
  results: Readonly<Record<Mode, ReadonlyArray<RoundResult>>>
): Level {
  const of = (mode: Mode, field: keyof RoundResult) =>
    summaryOf(results[mode].map((result) => result[field]))
  const both = <A>(one: (mode: Mode) => A) => ({ plain: one("plain"), sealed: one("sealed") })
  const putsPerSecond = both((mode) => of(mode, "putsPerSecond"))
  return {
    callers,
    putsPerSecond,
    syncsPerPut: both((mode) => of(mode, "syncsPerPut").median),
    cpuMicrosPerPut: both((mode) => of(mode, "cpuMicrosPerPut").median),
    mainThreadMicrosPerPut: both((mode) => of(mode, "mainThreadMicrosPerPut").median),
    sealedToPlain: putsPerSecond.sealed.median / putsPerSecond.plain.median
  }
}

const rate = ({ max, median, min }: Summary) =>
  `${Math.round(median)} (${Math.round(min)}–${Math.round(max)})`

const pair = ({ plain, sealed }: Readonly<Record<Mode, number>>, digits: number) =>
  `${plain.toFixed(digits)}, ${sealed.toFixed(digits)}`

export const lineOf = (level: Level) => {
  const { callers, putsPerSecond, sealedToPlain } = level
  return (
    `${String(callers).padStart(4)} callers, puts/s: plain ${rate(putsPerSecond.plain)}, ` +
    `sealed ${rate(putsPerSecond.sealed)}, ratio ${sealedToPlain.toFixed(2)}; ` +
    `syncs/put ${pair(level.syncsPerPut, 3)}; CPU µs/put ${pair(level.cpuMicrosPerPut, 1)}, ` +
    `of the main thread ${pair(level.mainThreadMicrosPerPut, 1)}`
  )
}

export const sealsLineOf = ({ raftEnvelope, storageEnvelope }: SealRates) =>
  `seals/s of one value: raft envelope ${rate(raftEnvelope)}, storage ${rate(storageEnvelope)}`
