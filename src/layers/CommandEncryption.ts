/**
 * `sealog encryption …`: the phases, one way (SPEC §2, §12).
 *
 * Both enables are idempotent: called again they say so, with the original index. So the command asks
 * again by itself, for a minute, where the outcome is open. There is no way back, and `disable` says
 * that. Proof: `test/e2e/Admin.test.ts`.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { SurveyedNode } from "../domain/api/AdminApi.ts"
import { sentenceOf } from "../domain/capability/Reason.ts"
import * as Verdict from "../domain/capability/Verdict.ts"
import { CapabilityCheckFailed, EncryptionDisableUnsupported } from "../domain/encryption/Errors.ts"
import { KeyId } from "../domain/Ids.ts"
import * as CommandFlags from "./CommandFlags.ts"
import * as CommandOutput from "./CommandOutput.ts"
import * as EncryptionTables from "./EncryptionTables.ts"
import * as RpcClientSocket from "./RpcClientSocket.ts"
import * as RpcIdempotent from "./RpcIdempotent.ts"

const { endpoint } = CommandFlags

const status = Command.make(
  "status",
  { endpoint },
  Effect.fnUntraced(function* (given) {
    const client = yield* RpcClientSocket.connect(given.endpoint)
    const own = yield* client.encryptionStatus
    const nodes = (yield* client.encryptionSurvey).map((node) =>
      node.id === own.memberId ? reachedAt(node, client.endpoint()) : node
    )
    yield* CommandOutput.answer({
      json: { ...own, nodes },
      text: EncryptionTables.textOf(nodes)
    })
  }, Effect.scoped)
).pipe(
  Command.withDescription("Show phase, keys, epochs, barrier and the last cutover of every node")
)

/** A node does not know at which of its addresses its clients reach it. */
const reachedAt = (node: SurveyedNode, endpoint: string | undefined): SurveyedNode =>
  endpoint === undefined ? node : { ...node, endpoint }

const enableStorageEnvelope = Command.make(
  "enable-storage-envelope",
  { endpoint },
  Effect.fnUntraced(function* (given) {
    const client = yield* RpcClientSocket.connect(given.endpoint)
    const done = yield* RpcIdempotent.ask(client.enableStorageEnvelope)
    const verb = done.wasAlreadyActive ? "was already enabled" : "enabled"
    yield* CommandOutput.answer({
      json: done,
      text: `storage envelope ${verb} at index ${done.index}; values written from now on are sealed`
    })
  }, Effect.scoped)
).pipe(Command.withDescription("Phase 0 to 1: seal values in the state store"))

/** Tells what every node answered; fails like the cutover would. */
const rehearse = Effect.fnUntraced(function* (client: RpcClientSocket.Client) {
  const { cutoverIndex, nodes } = yield* client.cutoverDryRun
  const refused = Verdict.refused(nodes.map(({ nodeName, reason }) => ({ nodeName, reason })))
  const rows = nodes.map(({ nodeName, reason, softwareVersion }) => [
    nodeName,
    softwareVersion ?? "-",
    reason === undefined ? "ok" : sentenceOf(reason)
  ])
  yield* CommandOutput.answer({
    json: {
      accepted: refused.length === 0,
      wasAlreadyActive: cutoverIndex !== undefined,
      cutoverIndex: cutoverIndex ?? 0,
      nodes: nodes.map(({ reason, ...node }) => ({
        ...node,
        answer: reason?._tag ?? "ok",
        ...(reason === undefined ? {} : { reason, advice: sentenceOf(reason) })
      }))
    },
    text:
      cutoverIndex !== undefined
        ? `raft envelope is enabled already; entries above index ${cutoverIndex} are sealed`
        : CommandOutput.columns([["NODE", "VERSION", "ANSWER"], ...rows])
  })
  if (refused.length > 0) return yield* new CapabilityCheckFailed({ nodes: refused })
})

const enableRaftEnvelope = Command.make(
  "enable-raft-envelope",
  {
    endpoint,
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Ask every node whether it can take part, and propose nothing"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* (given) {
    const client = yield* RpcClientSocket.connect(given.endpoint)
    if (given.dryRun) return yield* rehearse(client)
    const done = yield* RpcIdempotent.ask(client.enableRaftEnvelope)
    yield* CommandOutput.answer({
      json: done,
      text: done.wasAlreadyActive
        ? `raft envelope was already enabled; entries above index ${done.cutoverIndex} are sealed`
        : `raft envelope enabled; entries above index ${done.cutoverIndex} are sealed; writers waited ${done.barrierClosedMillis.toFixed(1)} ms`
    })
  }, Effect.scoped)
).pipe(Command.withDescription("Phase 1 to 2: seal the entries of the log, live"))

const purpose = Flag.Literals("purpose", ["storage", "raft"]).pipe(
  Flag.withDescription("storage: seals values; raft: seals the entries of the log")
)
const replaces = Flag.optional(
  Flag.Int("replaces").pipe(
    Flag.filterMap(
      Option.liftPredicate(Schema.is(KeyId)),
      (given) => `Expected the id of a key, not ${given}`
    ),
    Flag.withDescription("rotate only if this key is the active one still: a command to repeat")
  )
)

const rotateDek = Command.make(
  "rotate-dek",
  { endpoint, purpose, replaces },
  Effect.fnUntraced(function* (given) {
    const client = yield* RpcClientSocket.connect(given.endpoint)
    const { purpose } = given
    const done = yield* client.rotateDek(
      Option.match(given.replaces, {
        onNone: () => ({ purpose }),
        onSome: (replaces) => ({ purpose, replaces })
      })
    )
    const { index, keyId, replacedKeyId } = done
    yield* CommandOutput.answer({
      json: done,
      text: done.wasAlreadyRotated
        ? `${purpose} key ${replacedKeyId} was already rotated; key ${keyId} is active, since index ${index}`
        : `${purpose} key ${replacedKeyId} rotated at index ${index}; key ${keyId} is active, and ${replacedKeyId} stays for reading`
    })
  }, Effect.scoped)
).pipe(Command.withDescription("Make a new data key the active one; the old one stays for reading"))

/** No node need be asked; an endpoint is taken as by the other commands. */
const disable = Command.make("disable", { endpoint: Flag.optional(endpoint) }, () =>
  Effect.fail(new EncryptionDisableUnsupported({}))
).pipe(Command.withDescription("Refuses: there is no way back"))

export const command = Command.make("encryption").pipe(
  Command.withDescription("Show and advance the encryption phases"),
  Command.withSubcommands([status, enableStorageEnvelope, enableRaftEnvelope, rotateDek, disable])
)
