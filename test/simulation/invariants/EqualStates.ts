/**
 * I6 of SPEC §19: replicas that have applied as much are equal, byte by byte.
 *
 * Keeps a sum over the rows of each state as they change, and compares it with that of every other
 * node, and of the same node before its crash, wherever two of them ever stand at one applied index
 * between commits. Looked at with each commit of each state.
 */
import { crc32 } from "node:zlib"
import type { Changes } from "../../../src/domain/state/Changes.ts"
import type { Findings } from "../Findings.ts"
import { appliedIn, type SimulatedDisk } from "../SimulatedDisk.ts"

const replicated = ["kv", "sidecar", "writers", "members", "sessions"] as const

export class EqualStates {
  private readonly sums = new Map<string, number>()
  private readonly sumAt = new Map<number, { readonly sum: number; readonly name: string }>()
  private readonly findings: Findings

  constructor(findings: Findings) {
    this.findings = findings
  }

  /** Before the commit is made. */
  commits(disk: SimulatedDisk, changes: Changes): void {
    let sum = this.sums.get(disk.name) ?? 0
    changes.forEach((table, key, { value }) => {
      if (table === "applied") return
      const before = disk.tables[table].get(key)
      if (before !== undefined) sum -= sumOf(table, key, before)
      if (value !== undefined) sum += sumOf(table, key, value)
    })
    this.sums.set(disk.name, sum)
  }

  /** All of it is another one now. */
  replaced(disk: SimulatedDisk): void {
    let sum = 0
    for (const table of replicated) {
      for (const { key, value } of disk.tables[table].range({})) {
        sum += sumOf(table, Buffer.from(key).toString("latin1"), value)
      }
    }
    this.sums.set(disk.name, sum)
    const applied = appliedIn(disk.tables)
    if (applied !== undefined) this.compare(disk.name, applied.index)
  }

  /** The state of this node stands at this index now. */
  compare(name: string, index: number): void {
    const sum = this.sums.get(name) ?? 0
    const other = this.sumAt.get(index)
    if (other === undefined) this.sumAt.set(index, { sum, name })
    else if (other.sum !== sum) {
      this.findings.violated("I6", `the states of ${other.name} and ${name} differ at ${index}`)
    }
  }
}

/** A whole number that a sum of some thousands keeps exactly. */
const sumOf = (table: string, key: string, value: Uint8Array): number =>
  crc32(value, crc32(`${table} ${key}`))
