/**
 * The results of KV requests as bytes: what a session records and replays (SPEC §7).
 *
 * Proof: `Result.test.ts`.
 *
 * Shape: `tag(1)`, then 1 written `revision(8)`; 2 deleted `revision(8) ‖ deleted(1)`; 3 found
 * `revision(8) ‖ createRevision(8) ‖ value`; 4 not found.
 */
import { ByteReader, type Decoded } from "../bytes/ByteReader.ts"
import { ByteWriter } from "../bytes/ByteWriter.ts"
import type { Revision } from "../Ids.ts"
import * as Limits from "../Limits.ts"
import type { StoredValue } from "../machine/ValueStore.ts"

export type KvResult =
  | { readonly _tag: "Written"; readonly revision: Revision }
  /** The revision is that of the store, unchanged if nothing was deleted. */
  | { readonly _tag: "Deleted"; readonly revision: Revision; readonly deleted: boolean }
  | { readonly _tag: "Found"; readonly found: StoredValue }
  | { readonly _tag: "NotFound" }

const tags = { Written: 1, Deleted: 2, Found: 3, NotFound: 4 } as const

export function encode(result: KvResult): Buffer {
  const tag = tags[result._tag]
  switch (result._tag) {
    case "Written":
      return ByteWriter.allocate(9).u8(tag).u64(result.revision).done()
    case "Deleted": {
      const writer = ByteWriter.allocate(10).u8(tag).u64(result.revision)
      return writer.u8(result.deleted ? 1 : 0).done()
    }
    case "Found": {
      const { createRevision, revision, value } = result.found
      const writer = ByteWriter.allocate(17 + value.length).u8(tag)
      return writer.u64(revision).u64(createRevision).bytes(value).done()
    }
    case "NotFound":
      return ByteWriter.allocate(1).u8(tag).done()
  }
}

/** A found value is a view of `bytes`. */
export function decode(bytes: Uint8Array): Decoded<KvResult> {
  const reader = new ByteReader("KV result", bytes)
  switch (reader.u8()) {
    case tags.Written:
      return reader.end({ _tag: "Written", revision: readRevision(reader) })
    case tags.Deleted: {
      const revision = readRevision(reader)
      return reader.end({ _tag: "Deleted", revision, deleted: reader.within("u8", 0, 1) === 1 })
    }
    case tags.Found: {
      const revision = readRevision(reader)
      const createRevision = readRevision(reader)
      return reader.end({
        _tag: "Found",
        found: { revision, createRevision, value: reader.rest() }
      })
    }
    case tags.NotFound:
      return reader.end({ _tag: "NotFound" })
    default:
      reader.refuse("unknownTag")
      return reader.end({ _tag: "NotFound" })
  }
}

const readRevision = (reader: ByteReader): Revision =>
  reader.within("u64", 0, Limits.revisionMax) as Revision
