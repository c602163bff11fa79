/** Decoders that are wrong on purpose, each in one way: the fuzzer must find them all. */
import type { Decoder, Verdict } from "./Decoder.ts"

const seed = Buffer.from([1, 0, 0, 0, 4, 10, 20, 30, 40])
const accepted = (spelling?: Uint8Array): Verdict => ({ _tag: "Accepted", kind: "", spelling })
const malformed: Verdict = { _tag: "Refused", refusal: "Malformed", reached: "" }

const planted = (name: string, run: (bytes: Buffer, declared: Verdict) => Verdict): Decoder => ({
  name,
  modules: [],
  seeds: [seed],
  refusals: ["Malformed"],
  run: (bytes) => run(Buffer.from(bytes), malformed)
})

export const decoders: ReadonlyArray<Decoder> = [
  planted("right", (bytes) => (bytes.length < 5 ? malformed : accepted())),
  planted("throws", (bytes) => (bytes.readUInt32BE(1) < 100 ? accepted() : malformed)),
  planted("hangs", (bytes) => {
    // A length of items of no size.
    let left = bytes.length < 5 ? 0 : bytes[4]!
    while (left > 0) left -= bytes[0]!
    return accepted()
  }),
  planted("allocates", (bytes) => {
    if (bytes.length < 5) return malformed
    return Buffer.alloc(bytes.readUInt32BE(1)).length > bytes.length ? malformed : accepted()
  }),
  planted("collects", (bytes) => {
    const items: Array<{ at: number }> = []
    const count = bytes.length < 5 ? 0 : Math.min(bytes.readUInt32BE(1), 500_000)
    for (let at = 0; at < count; at++) items.push({ at })
    return items.length > bytes.length ? malformed : accepted()
  }),
  planted("dies", (bytes) => {
    if (bytes.length > seed.length) process.kill(process.pid, "SIGKILL")
    return accepted()
  }),
  planted("two-spellings", (bytes) => {
    if (bytes.length !== seed.length) return malformed
    // The last byte is not looked at.
    return accepted(Buffer.concat([bytes.subarray(0, -1), seed.subarray(-1)]))
  }),
  planted("undeclared", (bytes) =>
    bytes.length < 3 ? { _tag: "Refused", refusal: "RangeError", reached: "" } : accepted()
  ),
  planted("in-pieces", (bytes) =>
    bytes[0] === 0xff ? { _tag: "Contradiction", says: "two verdicts" } : accepted()
  )
]
