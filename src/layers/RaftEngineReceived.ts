/**
 * The messages of peers on their way into the core: bounded while they wait, and believed only as far as
 * a correct member could have sent them.
 *
 * What must never happen: a step that a message of another member makes fail; memory that grows with
 * what peers send. Proof: `test/domain/raft/Plausibility.test.ts`, `test/layers/RaftEngineCluster.test.ts`.
 */
import { ReceivedMessages } from "../domain/engine/ReceivedMessages.ts"
import type { Message } from "../domain/raft/Message.ts"
import type { Raft } from "../domain/raft/Raft.ts"
import type { NodeSettings } from "../services/NodeConfig.ts"
import type { Telemetry } from "../services/Telemetry.ts"

/** Lines about messages that make no sense; whoever sends more of them has been heard of. */
const toldProblemsMax = 64

export interface Parts {
  readonly raft: Raft
  readonly telemetry: Telemetry["Service"]
  readonly settings: Pick<NodeSettings, "receivedBytesMax">
}

export class RaftEngineReceived {
  readonly room: ReceivedMessages
  private readonly parts: Parts
  /** Of whom what was refused, so that it is told once. */
  private readonly toldProblems = new Set<string>()

  constructor(parts: Parts) {
    this.parts = parts
    this.room = new ReceivedMessages({ bytesMax: parts.settings.receivedBytesMax })
  }

  step(message: Message): void {
    this.room.taken(message)
    const { raft, telemetry } = this.parts
    // A snapshot comes with its content, and not this way.
    const isBare = message._tag === "InstallSnapshot"
    const problem = isBare ? "bareSnapshot" : raft.problemOf(message)
    if (problem === undefined) {
      telemetry.counters.receivedMessages[raft.step(message)] += 1
      return
    }
    telemetry.counters.receivedMessages.implausible += 1
    const { _tag: kind, from: peer } = message
    const told = `${peer} ${problem}`
    if (this.toldProblems.has(told) || this.toldProblems.size >= toldProblemsMax) return
    this.toldProblems.add(told)
    telemetry.report({ _tag: "MessageImplausible", peer, kind, problem })
  }
}
