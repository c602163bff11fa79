/**
 * Every decoder that reads bytes from a disk, a network or an operator. The rule that a new one is
 * here is in `DecoderList.test.ts`.
 */
import type { Decoder } from "./Decoder.ts"
import * as CapabilityDecoders from "./decoders/CapabilityDecoders.ts"
import * as FileDecoders from "./decoders/FileDecoders.ts"
import * as KvDecoders from "./decoders/KvDecoders.ts"
import * as LogDecoders from "./decoders/LogDecoders.ts"
import * as PeerDecoders from "./decoders/PeerDecoders.ts"
import * as StateDecoders from "./decoders/StateDecoders.ts"

export const decoders: ReadonlyArray<Decoder> = [
  ...LogDecoders.decoders,
  ...PeerDecoders.decoders,
  ...CapabilityDecoders.decoders,
  ...StateDecoders.decoders,
  ...KvDecoders.decoders,
  ...FileDecoders.decoders
]

/** Modules that look like decoders to the rule, and why nothing is fed to them here. */
export const others: Readonly<Record<string, string>> = {
  "domain/bytes/ByteReader.ts": "the cursor of all decoders, run by each of them",
  "domain/kv/KvMachine.ts": "hands a query to `kv/Command` and decodes nothing itself"
}
