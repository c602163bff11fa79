/**
 * Which node has opened a connection between members: by the name in its first frame (SPEC §9).
 *
 * For a proxy in front of a member's peer address, so that it can treat each peer by itself. Proof:
 * `test/e2e/NemesisProxy.test.ts`.
 */
import * as Result from "effect/Result"
import * as Frame from "../../src/domain/peer/Frame.ts"
import * as Handshake from "../../src/domain/peer/Handshake.ts"
import * as Introduction from "../../src/domain/peer/Introduction.ts"
import { stranger } from "./ProxyConnection.ts"

/** `undefined`: the first frame is not whole yet. What is no greeting is a stranger's. */
export function originOf(head: Buffer): string | undefined {
  const frames = new Frame.FrameReader().push(head)
  if (Result.isFailure(frames)) return stranger
  const [first] = frames.success
  if (first === undefined) return undefined
  const name =
    first.type === "introduction"
      ? Result.map(Introduction.decode(first.body), ({ nodeName }) => nodeName)
      : Result.map(Handshake.decode(first.body), ({ node }) => node.nodeName)
  return Result.getOrElse(name, () => stranger)
}
