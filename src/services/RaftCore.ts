/**
 * How the engine makes its Raft core.
 *
 * Always `Raft.make`, but in the tests' own assemblies, which watch a core from outside or plant a bug
 * in it. No setting, flag or file leads here. Proof: `test/simulation/`.
 */
import * as Context from "effect/Context"
import type { Options } from "../domain/raft/Options.ts"
import * as Raft from "../domain/raft/Raft.ts"

export type MakeCore = (options: Options) => Raft.Raft

export const RaftCore: Context.Reference<MakeCore> = Context.Reference<MakeCore>(
  "sealog/RaftCore",
  { defaultValue: () => (options) => Raft.make(options) }
)
