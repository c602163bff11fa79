/**
 * `npm run -s fuzz -- --inputs N --seed S [--decoder NAME]`: feeds every decoder, or one, with N inputs in
 * all, made of valid ones.
 *
 * Prints a line for each decoder, each finding with the command that makes it again, and last
 * `inputs N, decoders N, crashes N, hangs N, untyped N`. Exit code 0 only if the last three are 0 and
 * there were inputs. Proof: `test/fuzz/Fuzz.test.ts`, `FuzzCommand.test.ts`.
 */
import { parseArgs } from "node:util"
import * as DecoderList from "../test/fuzz/DecoderList.ts"
import * as PlantedDecoders from "../test/fuzz/PlantedDecoders.ts"
import * as Supervisor from "../test/fuzz/Supervisor.ts"

/** An input takes microseconds; the machine may be busy with something else. */
const hangMillis = 15_000
const findingsShown = 5
const totals = { inputs: 0, decoders: 0, crash: 0, hang: 0, untyped: 0 }
let isUsable = true

function given(): { readonly names: ReadonlyArray<string>; readonly seed: number; inputs: number } {
  const { values } = parseArgs({
    options: {
      inputs: { type: "string", default: "100000" },
      seed: { type: "string", default: "1" },
      decoder: { type: "string" }
    }
  })
  const [inputs, seed] = [Number(values.inputs), Number(values.seed)]
  if (!Number.isSafeInteger(inputs) || inputs < 1) throw new Error("--inputs is a number from 1")
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error("--seed is a number from 0")
  const known = DecoderList.decoders.map(({ name }) => name)
  const names = values.decoder === undefined ? known : [values.decoder]
  // One that is wrong on purpose runs only if it is asked for.
  const planted = PlantedDecoders.decoders.map(({ name }) => name)
  if (!names.every((name) => known.includes(name) || planted.includes(name))) {
    throw new Error(`--decoder is one of ${known.join(", ")}`)
  }
  return { names, seed, inputs: Math.ceil(inputs / names.length) }
}

async function fuzz(): Promise<void> {
  const { inputs, names, seed } = given()
  for (const name of names) {
    const outcome = await Supervisor.run(name, { seed, inputs, hangMillis })
    const { accepted, findings, reached } = outcome
    totals.inputs += outcome.inputs
    totals.decoders += 1
    console.log(`${name}: ${outcome.inputs} inputs, ${accepted} accepted, ${reached} verdicts`)
    for (const { kind } of findings) totals[kind] += 1
    for (const { hex, kind, number, says } of findings.slice(0, findingsShown)) {
      console.log(`  ${kind} at input ${number}: ${says}\n    ${hex}`)
      console.log(`    npm run -s fuzz -- --decoder ${name} --seed ${seed} --inputs ${number + 1}`)
    }
  }
}

try {
  await fuzz()
} catch (cause) {
  // Of an option, not of a decoder.
  console.log(cause instanceof Error ? cause.message : String(cause))
  isUsable = false
}
const { crash, decoders, hang, inputs, untyped } = totals
console.log(
  `inputs ${inputs}, decoders ${decoders}, crashes ${crash}, hangs ${hang}, untyped ${untyped}`
)
process.exitCode = isUsable && inputs > 0 && crash + hang + untyped === 0 ? 0 : 1
