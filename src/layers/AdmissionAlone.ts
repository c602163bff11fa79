/** A new directory founds a cluster of one voter: itself (SPEC §3). Proof: `test/layers/Opening.test.ts`. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Endpoint } from "../domain/api/Endpoint.ts"
import type { ClusterId, MemberId } from "../domain/Ids.ts"
import { Admission } from "../services/Admission.ts"
import { Csprng } from "../services/Csprng.ts"

/** `address`: where peers will reach it, if it is to have any. */
export const layer = (options: { readonly address?: Endpoint | undefined } = {}) =>
  Layer.effect(
    Admission,
    Effect.gen(function* () {
      const csprng = yield* Csprng
      const memberId = 1 as MemberId
      return Admission.of({
        admit: (node) =>
          Effect.sync(() => ({
            clusterId: csprng.bytes(16).toString("hex") as ClusterId,
            memberId,
            founding: [{ id: memberId, ...node, address: options.address }]
          }))
      })
    })
  )
