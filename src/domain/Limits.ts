/**
 * Every bound of the system, and how the bounds depend on each other.
 *
 * Bounds of persisted formats are part of the format: a decoder refuses what is beyond them, so
 * lowering one would make a replica halt at an entry that an older release accepted. Raising one needs
 * every member to know first. The relations are asserted when this module is loaded.
 */
import { invariant } from "./Invariant.ts"

export const kibibyte = 1024
export const mebibyte = 1024 * kibibyte

// ── The key-value store (SPEC §7) ────────────────────────────────────────────────────────────────

/** Bytes of a key; at least 1. The store's own prefix and LMDB's 1,978 bytes leave room. */
export const keyBytesMax = kibibyte
/** Bytes of a value, before sealing. */
export const valueBytesMax = mebibyte
/** Bytes of one encoded request. */
export const requestBytesMax = 4 * mebibyte
/** Compares, then-operations and else-operations of a transaction, each. */
export const transactionOperationsMax = 128
/** Entries one range answers; the rest is asked for with the continuation. */
export const rangeEntriesMax = 10_000
/**
 * Bytes of keys and values in one answer, and opened for one request: a range stops before it passes
 * this, a transaction that would is refused. How it relates to a message on the wire is asserted in
 * `api/SealogApi`.
 */
export const answerBytesMax = 4 * mebibyte
/** Bytes of a key that LMDB accepts with the page sizes in use. */
export const lmdbKeyBytesMax = 1978

// ── Encryption (SPEC §4–§6) ──────────────────────────────────────────────────────────────────────

/** Bytes of a wrapped DEK; 61 under a local KEK, more room for what a KMS returns. */
export const wrappedDekBytesMax = kibibyte
/** DEKs a sidecar knows at a time, retired ones excluded. */
export const dataKeysMax = 1024
/** Characters of a node name. */
export const nodeNameBytesMax = 64
/** Writer ids are 1..65535 and never reused. */
export const writerIdMax = 0xffff
/** Local epochs are u16; a leader rotates the raft DEK when one passes {@link epochRotationMark}. */
export const localEpochMax = 0xffff
/** SPEC §6: what is left above it is for the openings that happen before the rotation is through. */
export const epochRotationMark = 0xff00
/** Revisions are 6 bytes of a storage nonce. */
export const revisionMax = 2 ** 48 - 1
/** Operations of one request are 4 bytes of a storage nonce. */
export const operationMax = 2 ** 32 - 1

// ── Client sessions (SPEC §7) ────────────────────────────────────────────────────────────────────

/** Sessions that may be open at a time. */
export const sessionsMax = 4096
/** Results kept of one session; half as many lie between the open writes of a client. */
export const sessionResultsMax = 128
/** Bytes of the results kept of one session; the newest is kept in any case. */
export const sessionResultBytesMax = mebibyte

/** Bytes of one value of the state's tables, as stored: a value with its envelope, or a result. */
export const stateValueBytesMax = 8 * mebibyte

// ── The log (SPEC §7–§10) ────────────────────────────────────────────────────────────────────────

/** What a proposal envelope and a raft envelope add to a payload. */
export const proposalOverheadBytes = 9 + 34
/**
 * Bytes of the data of one entry: a batch closes before it passes this, and a single request of the
 * largest size fits.
 */
export const entryDataBytesMax = 8 * mebibyte

/** Bytes that the answers to one batch may have. */
export const batchAnswerBytesMax = 16 * mebibyte
/** Bytes of answers that end a run of applied entries: the next entry is of the next run. */
export const runAnswerBytesMax = 8 * mebibyte

// ── The disk (SPEC §8) ───────────────────────────────────────────────────────────────────────────

/** Of both environments. */
export const lmdbPageBytes = 8 * kibibyte
/**
 * Keys and values of applied commits that may wait for the state's commit under way. As much may be
 * in that one, and each run adds to it before it is seen to be too much.
 */
export const stateWaitingBytesMax = 16 * mebibyte
/**
 * What one run may add to that: the values of its entries, of which one alone may be the largest, and
 * where sessions record them the answers, which end the run behind the entry that passes their bound.
 */
export const stateRunBytesMax = entryDataBytesMax + runAnswerBytesMax + batchAnswerBytesMax
/** Rows of a snapshot written in one commit; as much may be collected meanwhile. */
export const stagedBatchBytes = 4 * mebibyte
/** Free space below which no commit may be allowed to begin: 1,000 pages that it only copies. */
export const freeBytesHaltMin = 8 * mebibyte

// ── Between members ──────────────────────────────────────────────────────────────────────────────

/** Bytes of a frame: an entry of the largest size, alone in its message, fits. */
export const frameBytesMax = entryDataBytesMax + 64 * kibibyte
/** Voters a cluster is founded with; more can be added later. */
export const foundingVotersMax = 7
/** Nodes of a cluster that are no members yet, as far as this one knows, whose openings are kept. */
export const strangersMax = 64
/** Bytes of a snapshot in one frame; larger pieces are cut. */
export const snapshotFrameBytesMax = 256 * kibibyte
/** Terms that a message may name: more elections than there will ever be. */
export const termMax = 2 ** 48 - 1

invariant(keyBytesMax <= lmdbKeyBytesMax - 64, "a key and the store's prefix fit in an LMDB key")
invariant(keyBytesMax <= 0xffff, "a key's length fits in 2 bytes")
invariant(
  keyBytesMax + valueBytesMax + kibibyte <= requestBytesMax,
  "a put of the largest key and value fits in a request"
)
invariant(
  keyBytesMax + valueBytesMax <= answerBytesMax,
  "an answer has room for the largest key and value, so that every range gets on"
)
invariant(
  requestBytesMax + proposalOverheadBytes + kibibyte <= entryDataBytesMax,
  "the largest request, sealed, fits in an entry"
)
invariant(answerBytesMax <= batchAnswerBytesMax, "a batch has room for the largest answer")
invariant(transactionOperationsMax <= 0xff, "the counts of a transaction fit in 1 byte")
invariant(2 * transactionOperationsMax <= operationMax, "every operation has a nonce of its own")
invariant(epochRotationMark < localEpochMax, "a rotation begins before the epochs are exhausted")
invariant(
  dataKeysMax * (wrappedDekBytesMax + kibibyte) <= entryDataBytesMax,
  "a rewrap of every DEK fits in an entry"
)
invariant(wrappedDekBytesMax <= 0xffff, "the length of a wrapped DEK fits in 2 bytes")
invariant(revisionMax <= Number.MAX_SAFE_INTEGER, "a revision is exact")
