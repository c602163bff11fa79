/**
 * The one contract that a node serves on its socket: KV, administration and members together (SPEC §7, §12,
 * §15).
 *
 * Client and server must agree on the group and on the frame limit: a frame above the server's limit
 * spoils the connection for every call on it, so clients check sizes before they send. Proof:
 * `test/layers/RpcSocket.test.ts`.
 */
import { invariant } from "../Invariant.ts"
import * as Limits from "../Limits.ts"
import { AdminApi } from "./AdminApi.ts"
import { KvApi } from "./KvApi.ts"
import { MemberApi } from "./MemberApi.ts"

export const SealogApi = KvApi.merge(AdminApi, MemberApi)

/** Bytes of one RPC message, on both sides: the largest request or answer, and room for its envelope. */
export const frameBytesMax = 8 * Limits.mebibyte

/** What an entry, compare or operation takes beside its key and value, generously. */
const itemOverheadBytes = 64

invariant(
  Limits.requestBytesMax + Limits.mebibyte <= frameBytesMax,
  "the largest request, with its envelope, fits in a frame"
)
invariant(
  Limits.answerBytesMax + Limits.rangeEntriesMax * itemOverheadBytes + Limits.mebibyte <=
    frameBytesMax,
  "the largest answer, with its envelope, fits in a frame"
)
