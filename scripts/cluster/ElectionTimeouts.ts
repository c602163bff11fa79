/** Times in election time-outs of a node as it is configured by default. */
import * as NodeConfigLive from "../../src/layers/NodeConfigLive.ts"

export const electionMillis =
  NodeConfigLive.defaults.tickMillis * NodeConfigLive.defaults.electionTicks

export const inTimeouts = (millis: number): string => (millis / electionMillis).toFixed(2)
