/**
 * Which layout an environment on disk has (SPEC §8, §17): the first record anybody reads in it.
 *
 * What must never happen here: a release that does not know a layout interpreting it. Proof: the
 * contract suites of the stores ("an unknown format version is refused").
 *
 * Shape of the body: `version(2)`, and nothing a later release may put after it is looked at, so that
 * every release can tell the version of every other. A checksummed {@link Record} around it.
 */
import * as Result from "effect/Result"
import type { GroupId } from "../Ids.ts"
import type { RecordCorrupted } from "../log/Errors.ts"
import * as Record from "../log/Record.ts"
import { FormatVersionUnknown } from "./Errors.ts"

export type EnvironmentName = "log" | "state"

/** The one layout this release reads and writes, of either environment. */
export const known = 1

const identity = (environment: EnvironmentName, groupId: GroupId): Record.Identity => ({
  label: `formatVersion/${environment}`,
  groupId
})

export function encode(environment: EnvironmentName, groupId: GroupId, version = known): Buffer {
  const body = Buffer.alloc(2)
  body.writeUInt16BE(version)
  return Record.encode(identity(environment, groupId), body)
}

/**
 * Succeeds if the record names the known layout. `undefined` stands for an environment that has
 * content and no such record: `missing`.
 */
export function check(
  environment: EnvironmentName,
  groupId: GroupId,
  record: Uint8Array | undefined
): Result.Result<void, RecordCorrupted | FormatVersionUnknown> {
  const mine = identity(environment, groupId)
  if (record === undefined) return Record.corrupted(mine, "missing")
  const body = Record.decode(mine, record)
  if (Result.isFailure(body)) return Result.fail(body.failure)
  if (body.success.length < 2) return Record.corrupted(mine, "malformed")
  const found = body.success.readUInt16BE(0)
  return found === known
    ? Result.void
    : Result.fail(new FormatVersionUnknown({ environment, found, known }))
}
