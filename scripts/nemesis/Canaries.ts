/**
 * What clients write so that it can be searched for in the files of the nodes (SPEC §19, I12).
 *
 * Values of phase 0 begin with one mark; once the cutover is answered, values begin with a second and
 * keys with a third. What must never happen: a search that finds nothing because it looks for nothing;
 * so what must be there is searched for as well. Proof: `test/e2e/NemesisCutoverFindings.test.ts`.
 */
import { randomBytes } from "node:crypto"
import * as DiskScan from "../demo/DiskScan.ts"
import type { Marks } from "./Clients.ts"
import type { Place } from "./Nodes.ts"

export type Time = "phase 0" | "phase 1" | "after the cutover"

/** Of one node: in which files of its directory each mark is, and whether its own words have one. */
export interface Search {
  readonly nodeName: string
  readonly plainValue: DiskScan.Found
  readonly sealedValue: DiskScan.Found
  readonly sealedKey: DiskScan.Found
  readonly isTold: boolean
}

const drawn = (name: string): string => `${name}${randomBytes(8).toString("hex")}.`

/** Mutable: what time it is. */
export class Canaries {
  time: Time = "phase 0"
  readonly plainValue = drawn("plain")
  readonly sealedValue = drawn("value")
  readonly sealedKey = drawn("key")
  private readonly isEarly: boolean

  /** `isEarly` is a planted lie: what is to be sealed is written in phase 1 already. */
  constructor(isEarly: boolean) {
    this.isEarly = isEarly
  }

  readonly marks = (): Marks => {
    if (this.time === "phase 0") return { key: "", value: this.plainValue }
    const isSealed = this.isEarly || this.time === "after the cutover"
    return isSealed ? { key: this.sealedKey, value: this.sealedValue } : { key: "", value: "" }
  }

  async search({ directory, log, nodeName }: Place): Promise<Search> {
    const needles = [this.plainValue, this.sealedValue, this.sealedKey]
    const [plainValue, sealedValue, sealedKey] = await DiskScan.scan(directory, needles)
    const told = await DiskScan.scanFile(log, needles)
    return {
      nodeName,
      plainValue: plainValue!,
      sealedValue: sealedValue!,
      sealedKey: sealedKey!,
      isTold: told.includes(true)
    }
  }
}

/** A key that is written in phase 0 and never again. */
export const keptKey = "canary-of-phase-0"
