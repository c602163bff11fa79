/**
 * What etcd's scripts may ask for and this core leaves out on purpose: asynchronous storage writes,
 * leases in place of a quorum for reads, forgetting the leader, changes of the configuration that are
 * not validated, proposals that a follower forwards.
 */
export class LeftOut extends Error {
  override readonly name = "LeftOut"
}
