/**
 * A simulated node that is started again with something else than it had: another KEK, none, or the
 * epochs of an older copy of its disk.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { KeyId, LocalEpoch } from "../../src/domain/Ids.ts"
import * as LocalRecord from "../../src/domain/log/LocalRecord.ts"
import type { Struck } from "./Findings.ts"
import type { Fault } from "./Program.ts"
import { groupId, type SimulatedDisk } from "./SimulatedDisk.ts"
import type { SimulatedNode } from "./SimulatedNode.ts"
import type { World } from "./World.ts"

export class OpeningFaults {
  private readonly world: World
  /** One at a time: the others are a majority that may still lead. */
  private isRolledBack = false

  constructor(world: World) {
    this.world = world
  }

  /** As after a mistake of an operator, who then sees it. */
  withKek(
    { kind, millis }: Fault & { kind: "missingKek" | "wrongKek" },
    node: SimulatedNode,
    struck: Struck
  ): Effect.Effect<void> {
    if (node.phase !== "up") return Effect.void
    struck()
    const { name } = node
    node.kek = kind === "wrongKek" ? "wrong" : "missing"
    const restart = Effect.andThen(this.world.crash([name], 1), this.world.revive(name))
    return Effect.andThen(restart, this.world.givesRightKek(name, millis))
  }

  /**
   * Only its epochs are old: a log that is old breaks a promise that Raft stands on, and is refused by
   * other members when it greets them, which is not simulated. For so long; then they are as before.
   */
  withOldEpochs(
    { back, millis }: Fault & { kind: "oldEpochs" },
    { name, phase }: SimulatedNode,
    struck: Struck
  ): Effect.Effect<void> {
    const disk = this.world.disk(name)
    const copies = oldEpochsOf(disk)
    const copy = copies.at(-back) ?? copies[0]
    if (phase !== "up" || this.isRolledBack || copy === undefined) return Effect.void
    this.isRolledBack = true
    this.world.lasts(millis)
    return Effect.gen({ self: this }, function* () {
      let newest = copy
      yield* this.reopens(name, () => {
        newest = epochsOf(disk)
        setEpochs(disk, copy)
        struck()
      })
      const ends = this.reopens(name, () => setEpochs(disk, newestOf(newest, epochsOf(disk))))
      const over = Effect.gen({ self: this }, function* () {
        yield* Effect.sleep(millis)
        this.look(name)
        yield* ends
        this.isRolledBack = false
      })
      yield* Effect.forkDetach(over)
    })
  }

  hasOldEpochs({ name }: SimulatedNode): boolean {
    return oldEpochsOf(this.world.disk(name)).length > 0
  }

  /** Has it led meanwhile, and been refused as a writer? */
  private look(name: string): void {
    const { cluster, findings } = this.world
    if (!cluster.openNames.includes(name)) return
    const reason = cluster.engine(name).candidacyRenounced()
    if (reason !== undefined) findings.reach(reason)
  }

  /** Its disk is changed while it is down; whoever else starts it meanwhile is too early. */
  private reopens(name: string, change: () => void): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      const node = this.world.node(name)
      do yield* this.world.crash([name], 1)
      while (node.phase !== "down")
      change()
      this.world.start(name)
    })
  }
}

type Epochs = ReadonlyMap<KeyId, LocalEpoch>

const recordOf = ({ local }: SimulatedDisk): LocalRecord.LocalRecord =>
  Result.getOrThrow(LocalRecord.decode(groupId, local!))

const epochsOf = (disk: SimulatedDisk): Epochs => recordOf(disk).epochs

/** Oldest first; none as long as it has taken no epoch. */
const oldEpochsOf = (disk: SimulatedDisk): ReadonlyArray<Epochs> =>
  disk.epochCopies.filter((copy) => isOlder(copy, epochsOf(disk)))

function setEpochs(disk: SimulatedDisk, epochs: Epochs): void {
  disk.local = LocalRecord.encode({ ...recordOf(disk), epochs })
}

/** Of each key the greater one. */
const newestOf = (some: Epochs, others: Epochs): Epochs =>
  new Map([...some, ...others].toSorted(([, a], [, b]) => a - b))

const isOlder = (copy: Epochs, newest: Epochs): boolean =>
  [...newest].some(([keyId, epoch]) => (copy.get(keyId) ?? 0) < epoch)
