/**
 * The nodes of one process as they are asked by each other, where no socket is: what the memory member
 * connections ask. It outlives the nodes, so that one can be opened again.
 */
import type { MemberId } from "../domain/Ids.ts"
import type { Member } from "../services/MemberConnection.ts"

export class MemoryMembers {
  private readonly nodes = new Map<MemberId, Member>()

  join(id: MemberId, node: Member): void {
    this.nodes.set(id, node)
  }

  leave(id: MemberId, node: Member): void {
    if (this.nodes.get(id) === node) this.nodes.delete(id)
  }

  at(id: MemberId): Member | undefined {
    return this.nodes.get(id)
  }
}
