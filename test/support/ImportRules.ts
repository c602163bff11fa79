/** House rules about imports, for `test/tidy.test.ts`: domain ← services ← layers ← main. */
import { posix } from "node:path"

/** A rule of the house, over one file. */
export interface Rule {
  readonly name: string
  readonly appliesTo: RegExp
  /** One sentence for each finding; `path` is relative to the root. */
  readonly report: (path: string, text: string) => ReadonlyArray<string>
}

/** Effect's modules that hold data and describe it; those that run, wait or log are not domain. */
const effectInDomain = new Set(
  `Array BigDecimal BigInt Boolean Brand Chunk Combiner Data Duration Equal Equivalence Exit
  Filter Function Hash HashMap HashSet Iterable Match MutableHashMap MutableHashSet MutableList
  NonEmptyIterable Number Option Order Ordering Pipeable Predicate Record Redactable Redacted
  Reducer Result Schema SchemaAST SchemaGetter SchemaIssue SchemaTransformation String Struct
  Symbol Trie Tuple Types Unify encoding/Base64 encoding/Base64Url encoding/Hex rpc/Rpc
  rpc/RpcGroup rpc/RpcSchema`.split(/\s+/)
)
const nodeInDomain = new Set(["node:buffer", "node:crypto", "node:util", "node:zlib"])

/** What the files of a part of `src` may import from the other parts. */
const mayImport: Record<string, ReadonlyArray<string>> = {
  domain: ["domain"],
  services: ["services", "domain"],
  layers: ["layers", "services", "domain"],
  "main.ts": ["layers", "services", "domain"],
  "index.ts": ["layers", "services", "domain"]
}

interface Import {
  readonly specifier: string
  /** Names in braces; empty for a namespace, a default or a side effect. */
  readonly names: ReadonlyArray<string>
}

const importsOf = (text: string): ReadonlyArray<Import> => {
  const statements = /^(?:import|export)\b([^"'`;=()]*?)\bfrom\s*["']([^"']+)["']/gm
  const bare = /^import\s*["']([^"']+)["']/gm
  const dynamic = /\bimport\(\s*["']([^"']+)["']/g
  const namesIn = (clause: string): ReadonlyArray<string> =>
    (/\{([^}]*)\}/.exec(clause)?.[1] ?? "")
      .split(",")
      .map((name) =>
        name
          .trim()
          .replace(/^type\s+/, "")
          .replace(/\s+as\s+.*$/, "")
      )
      .filter((name) => name !== "")
  return [
    ...Array.from(text.matchAll(statements), (match) => ({
      specifier: match[2]!,
      names: namesIn(match[1]!)
    })),
    ...Array.from(text.matchAll(bare), (match) => ({ specifier: match[1]!, names: [] })),
    ...Array.from(text.matchAll(dynamic), (match) => ({ specifier: match[1]!, names: [] }))
  ]
}

/** `effect/rpc` with `{ Rpc }` is the module `rpc/Rpc`; `effect/Schema` is `Schema`. */
const effectModulesOf = ({ specifier, names }: Import): ReadonlyArray<string> => {
  const path = specifier.slice("effect/".length)
  const isBarrel = path === "" || /^[a-z-]+$/.test(path)
  if (!isBarrel) return [path]
  const prefix = path === "" ? "" : `${path}/`
  return names.length === 0 ? [specifier] : names.map((name) => `${prefix}${name}`)
}

const isRelative = (specifier: string) => specifier.startsWith(".")
const isEffect = (specifier: string) => specifier === "effect" || specifier.startsWith("effect/")

const outsideImport = (part: string, found: Import): ReadonlyArray<string> => {
  const { specifier } = found
  if (part === "domain") {
    if (nodeInDomain.has(specifier)) return []
    const refused = isEffect(specifier)
      ? effectModulesOf(found).filter((module) => !effectInDomain.has(module))
      : [specifier]
    return refused.map((module) => `src/domain may not import ${module} (${specifier})`)
  }
  if (part === "services" && !isEffect(specifier)) {
    return [`a service is a contract: it may not import ${specifier}`]
  }
  return []
}

export const importArrows: Rule = {
  name: "import arrows",
  appliesTo: /^src\//,
  report: (path, text) => {
    const part = path.split("/")[1]!
    const allowed = mayImport[part]
    if (allowed === undefined)
      return [`src/${part} is none of domain, services, layers, main, index`]
    return importsOf(text).flatMap((found) => {
      if (!isRelative(found.specifier)) return outsideImport(part, found)
      const target = posix.join(posix.dirname(path), found.specifier)
      const [top, targetPart] = target.split("/")
      const follows = top === "src" && allowed.includes(targetPart!)
      return follows ? [] : [`${part} may not import ${target}`]
    })
  }
}

/** An example shows what an embedder can do, so it has what an embedder has. */
export const examplesAreUsers: Rule = {
  name: "examples are users",
  appliesTo: /^examples\//,
  report: (path, text) =>
    importsOf(text)
      .filter(({ specifier }) => isRelative(specifier))
      .map(({ specifier }) => posix.join(posix.dirname(path), specifier))
      .filter((target) => !target.startsWith("examples/") && target !== "src/index.ts")
      .map((target) => `an example may not import ${target}, only src/index.ts`)
}
