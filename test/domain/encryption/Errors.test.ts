import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Malformed } from "../../../src/domain/bytes/Errors.ts"
import * as Encryption from "../../../src/domain/encryption/Errors.ts"
import * as Kv from "../../../src/domain/kv/Errors.ts"
import { RecordCorrupted, UnknownOpcode } from "../../../src/domain/log/Errors.ts"
import * as Session from "../../../src/domain/session/Errors.ts"
import * as Snapshot from "../../../src/domain/snapshot/Errors.ts"

const classes = Object.values({
  ...Encryption,
  ...Kv,
  ...Session,
  ...Snapshot,
  Malformed,
  RecordCorrupted,
  UnknownOpcode
}).filter((each) => "prototype" in each && each.prototype instanceof Error)

const place = { groupId: 0, index: 7, term: 3 }
/** One of each class; `classes` says whether one was forgotten. */
const samples = [
  new Encryption.EnvelopeRefused({ envelope: "storage", keyId: 1, reason: "tagMismatch" }),
  new Encryption.RaftUnwrapFailed({ ...place, keyId: 1, reason: "unknownKeyId" }),
  new Encryption.EncryptionApplyFailed({ ...place, reason: "no KEK" }),
  new Encryption.SidecarOfAnotherCommit({ appliedIndex: 9 }),
  new Encryption.SealedStateNotEnabled({ found: "value", appliedIndex: 9 }),
  new Encryption.SidecarInconsistent({ reason: "activeKeyMissing", keyId: 1 }),
  new Encryption.CutoverInFlight({}),
  new Encryption.EncryptionNotBootstrapped({}),
  new Encryption.StorageEnvelopeNotEnabled({}),
  new Encryption.DrainTimedOut({ timeoutMillis: 500 }),
  new Encryption.CutoverOutcomeUnknown({}),
  new Encryption.RaftDekChanged({}),
  new Encryption.DekUnknown({ purpose: "raft", keyId: 7 }),
  new Encryption.TooManyDeks({ countMax: 1024 }),
  new Encryption.RotationOutcomeUnknown({ purpose: "raft", replaces: 7, cause: "no answer" }),
  new Encryption.EncryptionDisableUnsupported({}),
  new Encryption.KekMismatch({ keyIds: [1, 2] }),
  new Encryption.KekUnavailable({ source: "file /etc/kek", reason: "tooOpen" }),
  new Encryption.LocalEpochExhausted({ keyId: 1 }),
  new Encryption.CapabilityCheckFailed({
    nodes: [{ nodeName: "n1" as never, reason: { _tag: "EncryptionOff" } }]
  }),
  new Encryption.EnvelopeCutoverDivergence({
    snapshotIndex: 9,
    snapshotCutover: 0,
    sidecarCutover: 5,
    appliedIndex: 9
  }),
  new Kv.KeyEmpty({}),
  new Kv.KeyTooLarge({ bytes: 2000, bytesMax: 1024 }),
  new Kv.ValueTooLarge({ bytes: 2, bytesMax: 1 }),
  new Kv.RequestTooLarge({ bytes: 2, bytesMax: 1 }),
  new Kv.TooManyOperations({ count: 129, countMax: 128 }),
  new Kv.TxnReadTooLarge({ bytesMax: 1 }),
  new Kv.KeyRepeated({}),
  new Kv.RevisionOutOfRange({ revision: 1.5, revisionMax: 10 }),
  new Kv.ExportInvalid({ line: 3, reason: "endMissing" }),
  new Kv.TxnDescriptionInvalid({ path: "then[0]", reason: "Expected object" }),
  new Kv.RangeLimitOutOfRange({ limit: 0, limitMax: 10 }),
  new Kv.ExportInvalid({ line: 3, reason: "malformed" }),
  new Kv.TxnDescriptionInvalid({ path: "compares[0]", reason: "it names no operator" }),
  new Kv.ValueCorrupted({ groupId: 0, revision: 5, reason: "notSealed" }),
  new Session.SessionUnknown({ sessionId: "0a" }),
  new Session.SequenceForgotten({ sessionId: "0a", sequence: 3, floor: 4 }),
  new Session.SequenceOutOfRange({ sequence: 0 }),
  new Session.TooManySessions({ sessionsMax: 2 }),
  new Snapshot.SnapshotCorrupted({ reason: "truncated" }),
  new Snapshot.SnapshotVersionUnknown({ version: 0x33 }),
  new Snapshot.SnapshotInconsistent({ ceiling: 7, reason: "term" }),
  new Malformed({ format: "record", reason: "truncated", offset: 1 }),
  new RecordCorrupted({ record: "sidecar", groupId: 0, reason: "missing" }),
  new UnknownOpcode({ opcode: 5, subTag: 9 })
]

describe("errors of the formats", () => {
  it("are all sampled here", () => {
    const sampled = new Set<unknown>(samples.map((each) => each.constructor))
    expect(classes.filter((each) => !sampled.has(each)).map((each) => each.name)).toEqual([])
  })

  it("cross RPC: they survive being encoded as JSON", () => {
    for (const error of samples) {
      const schema = error.constructor as unknown as Schema.Codec<unknown, unknown>
      const json = JSON.parse(JSON.stringify(Schema.encodeUnknownSync(schema)(error)))
      const back = Schema.decodeUnknownSync(schema)(json)
      expect(back).toEqual(error)
      expect((back as Error).message).toBe(error.message)
    }
  })

  it("say what happened in a sentence of their own", () => {
    const messages = samples.map(({ message }) => message)
    for (const message of messages) {
      expect(message.length).toBeGreaterThan(20)
      expect(message).not.toContain("undefined")
    }
    expect(new Set(messages).size).toBe(messages.length)
  })

  it("have names without the suffix Error", () => {
    for (const { _tag } of samples) expect(_tag).not.toMatch(/Error$/)
  })
})
