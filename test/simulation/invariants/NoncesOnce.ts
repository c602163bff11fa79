/**
 * I9 of SPEC §19: under one key a nonce is used for one thing, over all nodes, openings and disks. One
 * table of every use: of the entries that logs are given and of values that are sealed in them, of stored
 * values and of recorded results.
 *
 * Replicas seal values and results each for itself, so the same thing may come again: equal bytes in
 * an equal place. Looked at with each write to a log and each commit of a state.
 */
import * as Result from "effect/Result"
import * as Envelope from "../../../src/domain/encryption/Envelope.ts"
import * as Command from "../../../src/domain/kv/Command.ts"
import * as Value from "../../../src/domain/kv/Value.ts"
import type * as Payload from "../../../src/domain/log/Payload.ts"
import * as SessionRecord from "../../../src/domain/session/SessionRecord.ts"
import type { Changes } from "../../../src/domain/state/Changes.ts"
import type { Findings } from "../Findings.ts"
import { groupId } from "../SimulatedDisk.ts"

/** Each has keys of its own; that of results is derived from a storage DEK. */
export type Use = "raft" | "value" | "result"

const resultPrefix = 0x02

/** No client writes such a value. */
const isEnvelope = (value: Uint8Array): boolean =>
  value.length >= Envelope.overheadBytes && value[0] === 0x01 && value[1] === 0x00

export class NoncesOnce {
  private readonly used = new Map<string, string>()
  private readonly findings: Findings

  constructor(findings: Findings) {
    this.findings = findings
  }

  get count(): number {
    return this.used.size
  }

  /** `place`: what the envelope is bound to beside the key. */
  sealed(use: Use, envelope: Uint8Array, place: () => string): void {
    const bytes = Buffer.from(envelope.buffer, envelope.byteOffset, envelope.length)
    const keyAndNonce = `${use} ${bytes.toString("latin1", 2, 18)}`
    const sealed = `${place()} ${bytes.toString("latin1", 18)}`
    const before = this.used.get(keyAndNonce)
    if (before === undefined) this.used.set(keyAndNonce, sealed)
    else if (before !== sealed) {
      const nonce = `key ${bytes.readUInt32BE(2)}, nonce ${bytes.toString("hex", 6, 18)}`
      this.findings.violated("I9", `${use}: ${nonce} used twice, the second time for ${place()}`)
    }
  }

  /** A state is about to commit these. */
  committed(changes: Changes): void {
    changes.forEach((table, key, { value }) => {
      if (value === undefined) return
      if (table === "kv") this.value(key, value)
      else if (table === "sessions" && key.charCodeAt(0) === resultPrefix) this.result(key, value)
    })
  }

  /**
   * A log is given these requests: a value that is sealed already has used its nonce, for the revision
   * that is in it, whatever becomes of the entry.
   */
  proposed({ requests }: Payload.Requests): void {
    for (const { content } of requests) {
      const command = Result.getOrThrow(Command.decode(content))
      if (command._tag !== "Put" || !isEnvelope(command.value)) continue
      const key = Buffer.from(command.key).toString("latin1")
      const revision = Buffer.from(command.value).readUIntBE(8, 6)
      this.sealed("value", command.value, () => `${key} of revision ${revision}`)
    }
  }

  private value(key: string, stored: Uint8Array): void {
    const { bytes, isSealed, revision } = Result.getOrThrow(Value.decode(stored))
    if (isSealed) this.sealed("value", bytes, () => `${key} of revision ${revision}`)
  }

  private result(text: string, value: Uint8Array): void {
    const key = Buffer.from(text, "latin1")
    const decoded = SessionRecord.decodeResult(groupId, { key, value: Buffer.from(value) })
    const { bytes, index, isSealed, position } = Result.getOrThrow(decoded)
    if (!isSealed) return
    this.sealed("result", bytes, () => `${key.toString("hex")} at ${index}, ${position}`)
  }
}
