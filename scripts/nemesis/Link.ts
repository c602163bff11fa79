/** What lies between a client and a target: nothing at all, or a direction each way. */
import type { Traffic } from "./Flow.ts"

export type Link =
  /** Connections are reset, and new ones as soon as they are made. */
  | { readonly _tag: "Cut" }
  | { readonly _tag: "Joined"; readonly toTarget: Traffic; readonly toClient: Traffic }

export const pass: Traffic = { _tag: "Pass" }
export const hold: Traffic = { _tag: "Hold" }
export const drop: Traffic = { _tag: "Drop" }

export const delay = (millis: number, jitterMillis = 0): Traffic => ({
  _tag: "Delay",
  millis,
  jitterMillis
})

export const slow = (bytesPerSecond: number): Traffic => ({ _tag: "Slow", bytesPerSecond })

export const cut: Link = { _tag: "Cut" }

/** What is not named passes. */
export const joined = ({
  toClient = pass,
  toTarget = pass
}: {
  readonly toTarget?: Traffic
  readonly toClient?: Traffic
} = {}): Link => ({ _tag: "Joined", toTarget, toClient })

/** Nothing comes through either way, and nobody is told. */
export const blackHole = (traffic: Traffic = hold): Link =>
  joined({ toTarget: traffic, toClient: traffic })
