/** Bytes that must not be found in any output, in whatever form they may have got there. */

/** The middle of the base64 of these bytes wherever they stand in a longer text: 3 alignments. */
const base64Cores = (bytes: Buffer): ReadonlyArray<string> =>
  [0, 1, 2].map((offset) => {
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64")
    return shifted.slice(offset === 0 ? 0 : 4, -4)
  })

const forms = (bytes: Buffer): ReadonlyArray<string> => {
  const numbers = [...bytes]
  return [
    bytes.toString("utf8"),
    bytes.toString("latin1"),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    numbers.join(","),
    numbers.map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
    JSON.stringify(bytes.toString("latin1")).slice(1, -1),
    ...base64Cores(bytes).flatMap((core) => [core, core.replaceAll("+", "-").replaceAll("/", "_")])
  ]
}

/**
 * Which of these secrets are in the text, and in which form. Blanks between digits do not hide one:
 * `util.inspect` puts them there.
 */
export function found(
  text: string,
  secrets: Readonly<Record<string, Uint8Array>>
): ReadonlyArray<string> {
  const compact = text.replace(/\s+/g, "")
  return Object.entries(secrets).flatMap(([name, secret]) =>
    forms(Buffer.from(secret))
      .filter((form) => text.includes(form) || compact.includes(form))
      .map((form) => `${name} as ${JSON.stringify(form)}`)
  )
}
