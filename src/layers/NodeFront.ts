/**
 * What the users of a node call, whoever they are: each service with patience in front, then
 * forwarding, then the node's own (SPEC §9, §13).
 *
 * Patience is outermost, so that "the leader is another one by now" is tried again from the start.
 * Proof: `test/layers/Forwarding.test.ts`.
 */
import * as Layer from "effect/Layer"
import type { ClusterAdmin } from "../services/ClusterAdmin.ts"
import type { Cutover } from "../services/Cutover.ts"
import type { EncryptionAdmin } from "../services/EncryptionAdmin.ts"
import type { EncryptionSurvey } from "../services/EncryptionSurvey.ts"
import type { KvStore } from "../services/KvStore.ts"
import type { MemberConnection } from "../services/MemberConnection.ts"
import type { NodeConfig } from "../services/NodeConfig.ts"
import type { NodeStatus } from "../services/NodeStatus.ts"
import type { QuiescenceBarrier } from "../services/QuiescenceBarrier.ts"
import type { Transport } from "../services/Transport.ts"
import * as ClusterAdminForwarding from "./ClusterAdminForwarding.ts"
import * as ClusterAdminPatient from "./ClusterAdminPatient.ts"
import * as CutoverForwarding from "./CutoverForwarding.ts"
import * as CutoverPatient from "./CutoverPatient.ts"
import * as EncryptionAdminForwarding from "./EncryptionAdminForwarding.ts"
import * as EncryptionAdminPatient from "./EncryptionAdminPatient.ts"
import * as EncryptionSurveyLive from "./EncryptionSurveyLive.ts"
import * as KvStoreForwarding from "./KvStoreForwarding.ts"
import * as KvStorePatient from "./KvStorePatient.ts"
import * as LeaderConnectionLive from "./LeaderConnectionLive.ts"
import * as MemberConnectionSocket from "./MemberConnectionSocket.ts"

type Administration = ClusterAdmin | EncryptionAdmin | Cutover
type Answers = Administration | EncryptionSurvey
type Needs = NodeConfig | QuiescenceBarrier

const administrationOver = Layer.mergeAll(
  Layer.provide(EncryptionAdminPatient.layer, EncryptionAdminForwarding.layer),
  Layer.provide(CutoverPatient.layer, CutoverForwarding.layer),
  Layer.provide(ClusterAdminPatient.layer, ClusterAdminForwarding.layer)
).pipe(Layer.provide(LeaderConnectionLive.layer), Layer.merge(EncryptionSurveyLive.layer))

/** Stands in front of the services that it requires. */
export const administration: Layer.Layer<
  Answers,
  never,
  Administration | Needs | NodeStatus | Transport
> = Layer.provide(administrationOver, MemberConnectionSocket.layer)

/** The same, with the key-value store, over some way to the other members. */
export const layerOver = <R>(
  connection: Layer.Layer<MemberConnection, never, R>
): Layer.Layer<Answers | KvStore, never, Administration | KvStore | Needs | R> =>
  Layer.mergeAll(
    administrationOver,
    KvStorePatient.layer.pipe(
      Layer.provide(KvStoreForwarding.layer),
      Layer.provide(LeaderConnectionLive.layer)
    )
  ).pipe(Layer.provide(connection))

/** The same over RPC. */
export const layer = layerOver(MemberConnectionSocket.layer)
