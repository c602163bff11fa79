/**
 * The steps of the cutover program (SPEC §12) at which a real process can be held, and how it tells so.
 *
 * Both sides speak through one directory: the nemesis makes the file of a step, and the leader that comes
 * to that step first renames it to say who it is, and stops itself (SIGSTOP). So it is held exactly there,
 * until somebody kills it or lets it go on (`NodeFailpoints`, `Failpoints`).
 */
import { join } from "node:path"

/**
 * `gate` and `registration`: before each of these is asked. `draining`: the barrier is closed. `appending`:
 * the marker is handed to the engine. `appended`: it is durable in the leader's log. `committed`: the leader
 * is about to apply it. `applied`: it has. `flag`: the wrap flag is set and the barrier not yet open.
 * `opened`: now it is.
 */
export const steps = [
  ...["gate", "registration", "draining", "appending", "appended"],
  ...["committed", "applied", "flag", "opened"]
] as const satisfies ReadonlyArray<string> as ReadonlyArray<Step>

export type Step =
  | "gate"
  | "registration"
  | "draining"
  | "appending"
  | "appended"
  | "committed"
  | "applied"
  | "flag"
  | "opened"

/** `DIRECTORY` and the name of the node, in the environment of a process. */
export const directoryVariable = "SEALOG_NEMESIS_FAILPOINTS"
export const nameVariable = "SEALOG_NEMESIS_NAME"

export const armedFile = (directory: string, step: Step): string => join(directory, step)

const reachedInfix = ".reached-by."

export const reachedFile = (directory: string, step: Step, nodeName: string): string =>
  join(directory, `${step}${reachedInfix}${nodeName}`)

/** The node that a file in the directory tells of. */
export const nodeOf = (fileName: string, step: Step): string | undefined =>
  fileName.startsWith(step + reachedInfix)
    ? fileName.slice((step + reachedInfix).length)
    : undefined
