/**
 * The status of encryption on every member, put together by the one that is asked (SPEC §12).
 *
 * What must never happen: a member that is left out because it does not answer, or one that holds up
 * the answers of the others. Proof: `test/layers/EncryptionSurvey.test.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { SurveyedNode } from "../domain/api/AdminApi.ts"

export class EncryptionSurvey extends Context.Service<
  EncryptionSurvey,
  {
    /**
     * Of each member that this node has applied, ascending by id, itself included. Takes
     * `NodeConfig.surveyTimeoutMillis` at most.
     */
    readonly read: Effect.Effect<ReadonlyArray<SurveyedNode>>
  }
>()("sealog/EncryptionSurvey") {}
