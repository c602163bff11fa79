/** etcd's own interaction scripts, run on this core: every line they expect is compared. */
import { describe, expect, it } from "vitest"
import { type Directive, filesOf, read } from "./DataDriven.ts"
import { Interpreter, LeftOut } from "./Interpreter.ts"

const { files, missing } = filesOf("interaction")

/** Log lines are about etcd's code; everything else must match. */
const isLogLine = (line: string): boolean => /^\s*(DEBUG|INFO|WARN|ERROR|FATAL) /.test(line)

/** A directive that prints nothing is answered with `ok`. */
function withoutLogLines(text: string): string {
  const lines = text.split("\n").filter((line) => !isLogLine(line))
  return lines.length === 0 ? "ok" : lines.join("\n")
}

describe("etcd's interaction scripts", () => {
  if (missing !== undefined) it(missing, (context) => context.skip(missing))

  it.for(files)("$name", (file, context) => {
    const interpreter = new Interpreter()
    for (const directive of read(file)) {
      const at = `${file.name}.txt:${directive.line} ${directive.command}`
      const answer = runUnlessLeftOut(interpreter, directive)
      if (answer instanceof LeftOut) context.skip(`left out on purpose: ${answer.message}`)
      else expect(answer, at).toBe(withoutLogLines(directive.expected))
    }
  })
})

function runUnlessLeftOut(interpreter: Interpreter, directive: Directive): string | LeftOut {
  try {
    return interpreter.run(directive)
  } catch (error) {
    if (error instanceof LeftOut) return error
    throw error
  }
}
