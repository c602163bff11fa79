/**
 * I7, I8 and I12 of SPEC §19: above the marker that counts every normal entry is sealed, and no bytes
 * that a client wrote are there in clear; at and below it none is. Looked at with each write that any
 * log is given, also if the write is refused or torn.
 *
 * Which marker counts is a function of the log's prefix, so what is known of encryption is kept for
 * each position (term, index): positions are shared by all logs (I2), and each is looked at once.
 */
import * as Result from "effect/Result"
import * as Command from "../../../src/domain/encryption/Command.ts"
import * as RaftEnvelope from "../../../src/domain/encryption/RaftEnvelope.ts"
import type { LogIndex } from "../../../src/domain/Ids.ts"
import * as EntryRecord from "../../../src/domain/log/EntryRecord.ts"
import * as Payload from "../../../src/domain/log/Payload.ts"
import * as ProposalEnvelope from "../../../src/domain/log/ProposalEnvelope.ts"
import type { Entry } from "../../../src/domain/raft/Entry.ts"
import type { Findings } from "../Findings.ts"
import * as PrefixEncryption from "../PrefixEncryption.ts"
import { groupId, type Written, writtenOf } from "../SimulatedDisk.ts"
import type { NoncesOnce } from "./NoncesOnce.ts"

/** In every value that a client writes. */
export const canary = Buffer.from("value ")

interface Known {
  readonly checksum: number
  readonly encryption: PrefixEncryption.PrefixEncryption
}

export class SealedAboveMarker {
  private readonly known = new Map<string, Known>()
  private readonly findings: Findings
  private readonly nonces: NoncesOnce
  private readonly cluster: PrefixEncryption.Cluster
  /** Some log is given a marker, effective or not. */
  onMarker: (position: { readonly term: number; readonly index: number }) => void = () => {}
  /** Entries that were found sealed. */
  sealedCount = 0

  constructor(findings: Findings, nonces: NoncesOnce, cluster: PrefixEncryption.Cluster) {
    this.findings = findings
    this.nonces = nonces
    this.cluster = cluster
  }

  /** What the log says up to this position; `undefined` if nobody was ever given it. */
  at(position: { readonly term: number; readonly index: number }) {
    if (position.index === 0) return PrefixEncryption.initial
    return this.known.get(`${position.term}/${position.index}`)?.encryption
  }

  /** `previousTerm`: of the entry before the first one in this log. */
  given(
    name: string,
    entries: ReadonlyArray<{ readonly index: LogIndex; readonly record: Buffer }>,
    previousTerm: number
  ): void {
    let before = { term: previousTerm, index: (entries[0]?.index ?? 1) - 1 }
    for (const { index, record } of entries) {
      const written = writtenOf(record)
      const position = { term: written.term, index }
      this.entryGiven(name, { index, record, written }, before)
      before = position
    }
  }

  private entryGiven(
    name: string,
    { index, record, written }: { index: LogIndex; record: Buffer; written: Written },
    before: { readonly term: number; readonly index: number }
  ): void {
    const position = `${written.term}/${index}`
    const known = this.known.get(position)
    if (known?.checksum === written.checksum) return
    const prefix = this.at(before)
    const unknown = `${name} is given ${position} behind ${before.term}/${before.index}, unknown`
    if (!this.findings.expect(prefix !== undefined, "I2", () => unknown)) return
    const entry = Result.getOrThrow(EntryRecord.decode(groupId, index, record))
    const encryption = this.judged(name, entry, record, prefix!)
    if (known === undefined) this.known.set(position, { checksum: written.checksum, encryption })
  }

  /** What is known of encryption after this entry. */
  private judged(
    name: string,
    { data, index, kind, term }: Entry,
    record: Buffer,
    prefix: PrefixEncryption.PrefixEncryption
  ): PrefixEncryption.PrefixEncryption {
    const { cutoverIndex, raftKeys } = prefix
    const isAbove = cutoverIndex !== 0 && index > cutoverIndex
    const where = () => `at ${term}/${index} in the log of ${name}, marker at ${cutoverIndex}`
    const isClear = !isAbove || !record.includes(canary)
    this.findings.expect(isClear, "I12", () => `a value in clear ${where()}`)
    if (kind !== "normal") return prefix
    const body = ProposalEnvelope.bodyOf(data)!
    const keys = (id: number) => raftKeys.get(id)
    const opened = RaftEnvelope.open({ keys, groupId, term, index }, body)
    if (Result.isSuccess(opened)) {
      this.sealedCount += 1
      this.nonces.sealed("raft", body, () => `${term}/${index}`)
      this.findings.expect(isAbove, "I8", () => `sealed ${where()}`)
      this.proposed(Payload.decode(opened.success))
      return PrefixEncryption.after(prefix, { index, payload: opened.success }, this.cluster)
    }
    if (Command.isEnableRaftEnvelope(body)) this.onMarker({ term, index })
    this.findings.expect(!isAbove, "I7", () => `not sealed (${opened.failure.reason}) ${where()}`)
    const payload = Payload.decode(body)
    this.proposed(payload)
    this.findings.expect(payload._tag === "Success", "I8", () => `no payload in clear ${where()}`)
    return PrefixEncryption.after(prefix, { index, payload: body }, this.cluster)
  }

  private proposed(payload: ReturnType<typeof Payload.decode>): void {
    if (Result.isSuccess(payload) && payload.success._tag === "Requests") {
      this.nonces.proposed(payload.success)
    }
  }
}
