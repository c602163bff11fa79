/**
 * The stores of a node that is not running, for the offline commands.
 *
 * Takes the directory's lock, so a running node is refused and none can start meanwhile. A directory
 * that is no node's is refused instead of being made into one.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { NoNodeInDirectory } from "../domain/state/Errors.ts"
import * as Node from "./Node.ts"

export const stores = ({ directory }: { readonly directory: string }) =>
  Layer.unwrap(
    Effect.suspend(() =>
      existsSync(join(directory, "log"))
        ? Effect.succeed(Node.storesOffline({ directory }))
        : Effect.fail(new NoNodeInDirectory({ directory }))
    )
  )
