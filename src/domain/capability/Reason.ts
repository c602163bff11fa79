/**
 * Why a node cannot take part in encryption (SPEC §14). It crosses RPC: numbers, names and literals.
 *
 * Proof: `Verdict.test.ts`.
 */
import * as Schema from "effect/Schema"

const keyIds = { keyIds: Schema.Array(Schema.Int) }

const unreachable = {
  noAddress: "its peers know no address of it; remove it, or start it with --peer-listen",
  noConnection: "no connection could be made; start it, or remove it",
  silent: "it did not answer in time; see that it runs and is not overloaded",
  unreadable: "its answer cannot be read; run releases that know each other"
} as const

const differences = {
  cluster: "it belongs to another cluster",
  member: "it is another member",
  name: "a node of another name answers there",
  incarnation: "its data directory is another one"
} as const

export type UnreachableDetail = keyof typeof unreachable
export type IdentityDifference = keyof typeof differences

export const CapabilityReason = Schema.Union([
  Schema.TaggedStruct("Unreachable", {
    detail: Schema.Literals(Object.keys(unreachable) as ReadonlyArray<UnreachableDetail>)
  }),
  /** Somebody else answered. */
  Schema.TaggedStruct("WrongIdentity", {
    difference: Schema.Literals(Object.keys(differences) as ReadonlyArray<IdentityDifference>)
  }),
  Schema.TaggedStruct("FormatTooOld", {
    format: Schema.String,
    needed: Schema.Int,
    /** 0: none. */
    understood: Schema.Int
  }),
  Schema.TaggedStruct("EncryptionOff", {}),
  Schema.TaggedStruct("KekMissing", {}),
  Schema.TaggedStruct("KeyNotHeld", keyIds),
  Schema.TaggedStruct("ProofWrong", keyIds),
  Schema.TaggedStruct("LocalEpochOutOfRange", { epoch: Schema.Finite }),
  Schema.TaggedStruct("EpochBelowRegistry", { epoch: Schema.Int, registered: Schema.Int }),
  Schema.TaggedStruct("EpochExhausted", { epoch: Schema.Int })
])
export type CapabilityReason = typeof CapabilityReason.Type

/** What is so, and what to do; said of the node. */
export function sentenceOf(reason: CapabilityReason): string {
  switch (reason._tag) {
    case "Unreachable":
      return unreachable[reason.detail]
    case "WrongIdentity":
      return `${differences[reason.difference]}; check the addresses of the members`
    case "FormatTooOld":
      return `it knows version ${reason.understood} of the ${reason.format}, and ${reason.needed} is needed; upgrade it`
    case "EncryptionOff":
      return "it has no key-encryption key; restart it with --kek-file and the KEK of the other nodes"
    case "KekMissing":
      return "its source of the key-encryption key gave none; mend that and restart it"
    case "KeyNotHeld":
      return `its KEK does not unwrap the keys ${reason.keyIds.join(", ")}; restart it with the KEK of the other nodes`
    case "ProofWrong":
      return `it holds other bytes under the key ids ${reason.keyIds.join(", ")}; remove it, wipe its directory and add it again`
    case "LocalEpochOutOfRange":
      return `it says local epoch ${reason.epoch}, which is not within 0..65535; it is damaged or of another release`
    case "EpochBelowRegistry":
      return `its local epoch ${reason.epoch} is behind the registered ${reason.registered}: its disk was restored or cloned; remove it, wipe its directory and add it again`
    case "EpochExhausted":
      return `it has used its last local epoch ${reason.epoch}; rotate the raft key, or remove it, wipe its directory and add it again`
  }
}
