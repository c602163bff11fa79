/**
 * The nodes of one process as they are asked by each other, where no socket is: what the memory leader
 * connections ask. It outlives the nodes, so that one can be opened again.
 */
import type { MemberId } from "../domain/Ids.ts"
import type { Leader } from "../services/LeaderConnection.ts"

export class MemoryLeaders {
  private readonly nodes = new Map<MemberId, Leader>()

  join(id: MemberId, node: Leader): void {
    this.nodes.set(id, node)
  }

  leave(id: MemberId, node: Leader): void {
    if (this.nodes.get(id) === node) this.nodes.delete(id)
  }

  at(id: MemberId): Leader | undefined {
    return this.nodes.get(id)
  }
}
