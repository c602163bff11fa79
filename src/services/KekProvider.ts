/**
 * Where the key-encryption key comes from (SPEC §4): a file, an environment variable, later a KMS.
 *
 * The KEK never enters the data directory, a log line or an error. An embedder may write one for its
 * own key service: the node starts once `load` has returned, so it retries and gives up by itself.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { KeyEncryptionKey } from "../domain/encryption/DataKey.ts"
import type { KekUnavailable } from "../domain/encryption/Errors.ts"

export class KekProvider extends Context.Service<
  KekProvider,
  {
    /** Where it comes from, for messages: `"file /etc/sealog/kek"`. Names no key. */
    readonly source: string
    /** Nobody has said where a KEK comes from: encryption is off on this node. */
    readonly isOff?: boolean
    /** Read once, at start-up. `undefined` if this node has none: it then serves plaintext only. */
    readonly load: Effect.Effect<KeyEncryptionKey | undefined, KekUnavailable>
  }
>()("sealog/KekProvider") {}
