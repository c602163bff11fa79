/**
 * What an object does when its operations come one after the other: what a history is checked against.
 *
 * A model is of one key, or of one object. What must never happen in one: a step that depends on
 * anything but its arguments.
 */

/** Nobody knows what the operation answered, or whether it took effect at all. */
export const unknownOutcome: unique symbol = Symbol("unknown outcome")

/** The operation cannot answer this in this state. */
export const impossible: unique symbol = Symbol("impossible")

export interface Model<State, Input, Output> {
  readonly initial: State
  /** The state after the operation; the very same one (`===`) if nothing is different or known better. */
  readonly step: (
    state: State,
    input: Input,
    output: Output | typeof unknownOutcome
  ) => State | typeof impossible
  /** Does an operation with this answer leave the object as it is, whatever the state? */
  readonly isRead: (input: Input, output: Output) => boolean
  /**
   * Does no state allow more after it for any change that came right before it? So it is for a write
   * that asks nothing of what it replaces.
   */
  readonly isOverwrite: (input: Input, output: Output | typeof unknownOutcome) => boolean
  /** States of different keys have nothing to do with each other. */
  readonly keyOf: (state: State) => string
  /**
   * Of two states of one key: is whatever can follow `other` possible after `state` as well?
   * Reflexive and transitive. Without it, states of one key are equal.
   */
  readonly covers?: (state: State, other: State) => boolean
  /** Two inputs with one description are the same input. */
  readonly describeInput: (input: Input) => string
  readonly describeOutput: (output: Output) => string
  readonly describeState: (state: State) => string
}
