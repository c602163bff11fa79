/**
 * `npm run snapshot-bench -- --mebibytes 1024`: how fast a snapshot goes from one process to another
 * through a local socket, and how much memory both need. Exit code 1 if a value is missing.
 */
import * as ScriptOptions from "../scripts/ScriptOptions.ts"
import type { Report } from "./SnapshotProcess.ts"
import { run } from "./SnapshotRun.ts"

const { values } = ScriptOptions.parse({
  options: { mebibytes: { type: "string", default: "256" } }
})

const mebibytes = (bytes: number) => (bytes / 1024 ** 2).toFixed(0)

const describe = ({ anonymousPeak, bytes, heapPeak, millis, residentPeak, role }: Report) => {
  const rate = (bytes / 1e6 / (millis / 1000)).toFixed(0)
  const memory = [
    `heap and buffers ${mebibytes(heapPeak)}`,
    `anonymous ${mebibytes(anonymousPeak)}`,
    `resident with the mapped file ${mebibytes(residentPeak)}`
  ]
  return `${role}: ${mebibytes(bytes)} MiB, ${rate} MB/s; peak MiB: ${memory.join(", ")}`
}

const { receiver, rows, sender } = await run({ mebibytes: Number(values.mebibytes) })
console.log(describe(sender))
console.log(describe(receiver))
console.log(`values sent ${rows.sent}, received ${rows.received}`)
process.exitCode = rows.sent === rows.received ? 0 : 1
