/** What an operator asks a node first: who it is, its role, and how far it is (`sealog status`). */
import * as Context from "effect/Context"
import type { NodeStatus as Shape } from "../domain/api/AdminApi.ts"

export class NodeStatus extends Context.Service<NodeStatus, { readonly read: () => Shape }>()(
  "sealog/NodeStatus"
) {}
