/**
 * `sealog kek generate`: a fresh key-encryption key in a file of its own (SPEC §4).
 *
 * The file is created exclusively and only for its owner: an existing file, which may hold the only
 * key to somebody's data, must never be overwritten. Key bytes stay in one unpooled buffer, zeroed
 * afterwards. Proof: `test/e2e/Kek.test.ts`.
 */
import { randomFillSync } from "node:crypto"
import { open, unlink } from "node:fs/promises"
import { dirname } from "node:path"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as CommandOutput from "./CommandOutput.ts"
import * as LmdbFile from "./LmdbFile.ts"

const kekBytes = 32
const ownerOnly = 0o600

class KekFileExists extends Data.TaggedError("KekFileExists")<{ readonly path: string }> {
  override get message() {
    return `${this.path} exists already, and a KEK file is never overwritten; choose another path`
  }
}

class KekFileFailure extends Data.TaggedError("KekFileFailure")<{
  readonly path: string
  readonly cause: unknown
}> {
  override get message() {
    return `the KEK file ${this.path} could not be written: ${String(this.cause)}`
  }
}

/** Durable when it returns. What it could not write whole is removed: it is nobody's key yet. */
const create = async (path: string) => {
  const file = await open(path, "wx", ownerOnly)
  const kek = Buffer.allocUnsafeSlow(kekBytes)
  try {
    await file.writeFile(randomFillSync(kek))
    await file.sync()
    LmdbFile.syncDirectory(dirname(path))
  } catch (cause) {
    await unlink(path).catch(() => {})
    throw cause
  } finally {
    kek.fill(0)
    await file.close()
  }
}

const hasCode = (cause: unknown, code: string) =>
  cause instanceof Error && "code" in cause && cause.code === code

const generate = Command.make(
  "generate",
  {
    out: Flag.String("out").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription("File to create; must not exist")
    )
  },
  Effect.fnUntraced(function* ({ out: path }) {
    yield* Effect.tryPromise({
      try: () => create(path),
      catch: (cause) =>
        hasCode(cause, "EEXIST") ? new KekFileExists({ path }) : new KekFileFailure({ path, cause })
    })
    yield* CommandOutput.answer({
      json: { out: path, bytes: kekBytes },
      text: `wrote a new KEK to ${path}; keep a copy apart from the data, nothing can be read without it`
    })
  })
).pipe(Command.withDescription("Create a KEK file: 32 random bytes, readable by its owner only"))

export const command = Command.make("kek").pipe(
  Command.withDescription("Manage key-encryption keys"),
  Command.withSubcommands([generate])
)
