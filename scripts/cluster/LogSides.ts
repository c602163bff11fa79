/**
 * The log of a stopped node against the cutover marker: what is below it is plain, what is above it is
 * sealed (SPEC §19: I7, I8), also what was written before the operator had an answer.
 *
 * Tells by the bytes of a body what it is, where a node only ever goes by the index. What must never
 * happen: a log without entries on both sides of the marker that counts as looked at. Proof:
 * `test/scripts/LogSides.test.ts`.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Command from "../../src/domain/encryption/Command.ts"
import * as Envelope from "../../src/domain/encryption/Envelope.ts"
import type { LogIndex } from "../../src/domain/Ids.ts"
import * as Limits from "../../src/domain/Limits.ts"
import * as Payload from "../../src/domain/log/Payload.ts"
import * as ProposalEnvelope from "../../src/domain/log/ProposalEnvelope.ts"
import type { Entry } from "../../src/domain/raft/Entry.ts"
import * as Position from "../../src/domain/raft/Position.ts"
import * as StoppedNode from "../../src/layers/StoppedNode.ts"
import { RaftLogStore } from "../../src/services/RaftLogStore.ts"

/** Where the log changes, and the key it names from there on. */
export interface Marker {
  readonly cutoverIndex: number
  readonly raftKeyId: number
}

/** Of one node. */
export interface Sides {
  readonly nodeName: string
  readonly hasMarker: boolean
  /** Normal entries below the marker and above it, whatever their bodies are. */
  readonly below: number
  readonly above: number
  /** Entries that are not what their index says, one phrase each. */
  readonly misplaced: ReadonlyArray<string>
}

type Part = Pick<Entry, "data" | "index" | "kind">

const shownMax = 5

export function sidesOf(nodeName: string, entries: ReadonlyArray<Part>, marker: Marker): Sides {
  const { cutoverIndex } = marker
  const normal = entries.filter(({ kind }) => kind === "normal")
  const isMisplaced = (entry: Part) => bodyKind(entry, marker) !== meant(entry, marker)
  return {
    nodeName,
    hasMarker: entries.some(({ index }) => index === cutoverIndex),
    below: normal.filter(({ index }) => index < cutoverIndex).length,
    above: normal.filter(({ index }) => index > cutoverIndex).length,
    misplaced: entries
      .filter(({ index, kind }) => kind === "normal" || index === cutoverIndex)
      .filter(isMisplaced)
      .map((entry) => `${entry.index} is ${bodyKind(entry, marker)}`)
  }
}

type BodyKind = "the marker" | "plain" | "sealed" | "neither plain nor sealed under the raft key"

const meant = ({ index }: Part, { cutoverIndex }: Marker): BodyKind => {
  if (index === cutoverIndex) return "the marker"
  return index < cutoverIndex ? "plain" : "sealed"
}

/** A sealed body is no payload: as a batch it would be an empty one, which there is not. */
function bodyKind({ data, index, kind }: Part, { cutoverIndex, raftKeyId }: Marker): BodyKind {
  const body = (kind === "normal" && ProposalEnvelope.bodyOf(data)) || new Uint8Array()
  if (Result.isSuccess(Payload.decode(body))) {
    return index === cutoverIndex && Command.isEnableRaftEnvelope(body) ? "the marker" : "plain"
  }
  const isSealed =
    body.length >= Envelope.overheadBytes &&
    body[0] === Envelope.version &&
    Envelope.keyIdOf(body) === raftKeyId
  return isSealed ? "sealed" : "neither plain nor sealed under the raft key"
}

/** One sentence for each node whose log is not as it must be. */
export const findings = (all: ReadonlyArray<Sides>): ReadonlyArray<string> =>
  all.flatMap(({ misplaced, nodeName }) =>
    misplaced.length === 0
      ? []
      : [
          `${misplaced.length} entries in the log of ${nodeName} are on the wrong side of the marker: ${misplaced.slice(0, shownMax).join(", ")}`
        ]
  )

/** Why nothing is said, if no log has the marker and entries on both sides of it. */
export const undecided = (all: ReadonlyArray<Sides>): ReadonlyArray<string> =>
  all.some(({ above, below, hasMarker }) => hasMarker && above > 0 && below > 0)
    ? []
    : ["no node has the marker in its log any more, with entries on both sides of it"]

const pieceBytesMax = 4 * Limits.mebibyte

/** What is in the log of a node that has stopped. */
export const read = ({ directory, nodeName }: Named, marker: Marker) =>
  Effect.gen(function* () {
    const { reader } = yield* RaftLogStore
    const until = Position.after(reader.lastIndex())
    const entries: Array<Part> = []
    for (let from: LogIndex = reader.firstIndex(); from < until; ) {
      const piece = reader.entries(from, until, pieceBytesMax)
      entries.push(...piece)
      from = Position.plus(from, piece.length)
    }
    return sidesOf(nodeName, entries, marker)
  }).pipe(Effect.provide(StoppedNode.stores({ directory })), Effect.scoped)

interface Named {
  readonly directory: string
  readonly nodeName: string
}
