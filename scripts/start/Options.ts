/** What may follow `npm start --`. Proof: `test/scripts/Start.test.ts`. */
import { parseArgs } from "node:util"
import * as Data from "effect/Data"
import * as Plan from "./Plan.ts"

export interface Options extends Plan.PlanOptions {
  /** Begin anew: what the nodes have stored is removed first. */
  readonly reset: boolean
}

export class OptionsRefused extends Data.TaggedError("OptionsRefused")<{
  readonly message: string
}> {}

export const usage = `usage: npm start -- [--reset] [--port PORT] [--data-dir DIRECTORY]
  --reset     remove what the three nodes have stored, and begin anew
  --port      first of the ports, ${Plan.portDefault} if not given: clients PORT to PORT+2, peers PORT+10 to PORT+12,
              metrics PORT+20 to PORT+22
  --data-dir  where the nodes store, ./data if not given`

/** The options, or why not. */
export function parse(given: ReadonlyArray<string>): Options | OptionsRefused {
  try {
    const { values } = parseArgs({
      args: [...given],
      options: {
        reset: { type: "boolean", default: false },
        port: { type: "string", default: `${Plan.portDefault}` },
        "data-dir": { type: "string", default: "data" }
      }
    })
    const port = Number(values.port)
    if (!Number.isInteger(port) || port < 1 || port > Plan.portMax) {
      return new OptionsRefused({ message: `--port must be from 1 to ${Plan.portMax}\n${usage}` })
    }
    return { reset: values.reset, port, directory: values["data-dir"] }
  } catch (error) {
    const { message } = error as Error
    return new OptionsRefused({ message: `${message}\n${usage}` })
  }
}
