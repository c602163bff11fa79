/**
 * Run by a test that ends it by a signal: opens the stores of a directory, takes in the snapshot of a
 * file, installs it, and closes them.
 */
import { readFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import * as Crashes from "./SnapshotCrashes.ts"
import { storesIn } from "./SnapshotStores.ts"

const [directory, file] = [process.argv[2]!, process.argv[3]!]
const bytes = readFileSync(file)
const pieceBytes = 300_000
const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, at) =>
  bytes.subarray(at * pieceBytes, (at + 1) * pieceBytes)
)

await Effect.runPromise(Crashes.install(pieces).pipe(Effect.provide(storesIn(directory))))
process.stdout.write("installed\n")
