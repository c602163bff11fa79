/**
 * Runs a file of etcd's test scripts on this core and judges each of its stanzas.
 *
 * Which kind a file is of is told by its directives. What must never happen here: a stanza that counts
 * as passed without having been compared. An unknown command, a file that cannot be read and any
 * difference fail; skipped is only what asks for something in {@link LeftOut}, and what comes after
 * it in that file, because the state is another one then. Proof: `Script.test.ts`.
 */
import * as ConfigurationScript from "./ConfigurationScript.ts"
import { type Directive, ParseFailure, parse, UnknownCommand } from "./DataDriven.ts"
import * as InteractionScript from "./InteractionScript.ts"
import { LeftOut } from "./LeftOut.ts"
import * as QuorumScript from "./QuorumScript.ts"

export interface Stanza {
  readonly line: number
  readonly command: string
  readonly verdict: "passed" | "failed" | "skipped"
  /** Why it failed or was skipped. */
  readonly reason: string
}

/** What the core prints for a stanza, and what of the expected output it is compared with. */
interface Interpreter {
  readonly run: (directive: Directive) => string
  readonly compared: (output: string) => string
}

/** One verdict for each stanza; one failed one for a file that cannot be read. */
export function run(text: string): ReadonlyArray<Stanza> {
  let directives: ReadonlyArray<Directive>
  try {
    directives = parse(text)
  } catch (error) {
    if (!(error instanceof ParseFailure)) throw error
    return [{ line: error.line, command: "", verdict: "failed", reason: error.message }]
  }
  const interpreter = interpreterOf(directives)
  let leftOut: LeftOut | undefined
  return directives.map((directive) => {
    const { command, line } = directive
    if (leftOut === undefined) {
      const judged = judge(interpreter, directive)
      if (!(judged instanceof LeftOut)) return { line, command, ...judged }
      leftOut = judged
    }
    return { line, command, verdict: "skipped", reason: `left out on purpose: ${leftOut.message}` }
  })
}

function judge(
  { compared, run }: Interpreter,
  directive: Directive
): Pick<Stanza, "verdict" | "reason"> | LeftOut {
  try {
    const [is, expected] = [compared(run(directive)), compared(directive.expected)]
    if (is === expected) return { verdict: "passed", reason: "" }
    return { verdict: "failed", reason: `expected\n${expected}\nbut it is\n${is}` }
  } catch (error) {
    if (error instanceof LeftOut) return error
    return { verdict: "failed", reason: String(error) }
  }
}

function interpreterOf(directives: ReadonlyArray<Directive>): Interpreter {
  const command = directives[0]?.command ?? ""
  if (QuorumScript.commands.has(command)) {
    return { run: QuorumScript.run, compared: (output) => output.trimEnd().split("\n").at(-1)! }
  }
  if (ConfigurationScript.commands.has(command)) {
    const script = new ConfigurationScript.ConfigurationScript()
    return { run: (directive) => script.run(directive), compared: (output) => output.trimEnd() }
  }
  if (InteractionScript.commands.has(command)) {
    const script = new InteractionScript.InteractionScript()
    return { run: (directive) => script.run(directive), compared: withoutLogLines }
  }
  return {
    run: (directive) => {
      throw new UnknownCommand(directive.command)
    },
    compared: (output) => output
  }
}

/** Log lines are about etcd's code; a directive that prints nothing else is answered with `ok`. */
function withoutLogLines(output: string): string {
  const lines = output
    .trimEnd()
    .split("\n")
    .filter((line) => !/^\s*(DEBUG|INFO|WARN|ERROR|FATAL) /.test(line))
  const isNothing = lines.length === 0 || lines.every((line) => line === "")
  return isNothing ? "ok" : lines.join("\n")
}
