/** A data directory that this opening, and nobody else, has in hand (SPEC §3, §8). */
import * as Context from "effect/Context"

export class DataDirectory extends Context.Service<
  DataDirectory,
  { /** Absolute, exists. */ readonly path: string }
>()("sealog/DataDirectory") {}
