/** The process in which a decoder runs: it may hang, run out of memory or die, and its supervisor sees it. */
import * as Campaign from "./Campaign.ts"
import * as CurrentInput from "./CurrentInput.ts"
import * as DecoderList from "./DecoderList.ts"
import * as PlantedDecoders from "./PlantedDecoders.ts"
import type { Assignment } from "./Supervisor.ts"

const { decoder: name, ...options } = JSON.parse(process.argv[2]!) as Assignment
const all = [...DecoderList.decoders, ...PlantedDecoders.decoders]
const decoder = all.find((each) => each.name === name)
if (decoder === undefined) throw new Error(`no decoder is called ${name}`)
const watch = CurrentInput.writer(CurrentInput.inherited)
const outcome = Campaign.run(decoder, { ...options, watch })
process.send!(outcome, () => process.disconnect())
