/** A broken invariant is a bug: it becomes a defect, and the node stops rather than guess. */

/** Thrown by {@link invariant}; never caught to go on. */
export class InvariantViolated extends Error {
  override readonly name = "InvariantViolated"
}

/** Throws {@link InvariantViolated} unless `condition` holds. The message states what must be true. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantViolated(message)
}
