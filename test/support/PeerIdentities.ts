/** Openings of members that were made up, for what needs to know who it is and nothing more. */
import * as Effect from "effect/Effect"
import type {
  ClusterId,
  GroupId,
  Incarnation,
  LocalEpoch,
  NodeName,
  OpeningId
} from "../../src/domain/Ids.ts"
import type { Opening } from "../../src/services/Opening.ts"
import type { Peer } from "../../src/services/Transport.ts"
import { member } from "../contracts/Transport.ts"

const hex = (first: string, id: number) => `${first}${id}`.padEnd(32, "0")

export const incarnationOf = (id: number) => hex("c", id) as Incarnation

export const openingOf = (
  id: number,
  changed: Partial<Opening["Service"]> = {}
): Opening["Service"] => ({
  nodeName: `n${id}` as NodeName,
  memberId: member(id),
  incarnation: incarnationOf(id),
  clusterId: hex("a", 0) as ClusterId,
  groupId: 0 as GroupId,
  openingId: hex("b", id) as OpeningId,
  bootCount: 1,
  epochFor: () => Effect.succeed(1 as LocalEpoch),
  currentEpoch: () => undefined,
  newestEpoch: () => ({ epoch: 0, takenBy: undefined }),
  ...changed
})

export const peerOf = (id: number, port: number): Peer => ({
  id: member(id),
  nodeName: `n${id}` as NodeName,
  incarnation: incarnationOf(id),
  address: { host: "127.0.0.1", port }
})
