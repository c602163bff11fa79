/**
 * A planted bug, loaded with `node --import`: the log environment is opened with LMDB options that the
 * product never uses, such as `noSync`. Everything else is the real `sealog serve`.
 */
import { registerHooks } from "node:module"

/** JSON; the options are added to those of the log environment. */
const variable = "SEALOG_PLANTED_LOG_OPTIONS"

/** How to start a process that has the bug. */
export const environment = (options: Readonly<Record<string, boolean>>) => ({
  NODE_OPTIONS: `--import=${import.meta.url}`,
  [variable]: JSON.stringify(options)
})

const planted = process.env[variable]

if (planted !== undefined) {
  registerHooks({
    resolve: (specifier, context, nextResolve) => {
      const resolved = nextResolve(specifier, context)
      const isOurs = specifier === "lmdb" && context.parentURL?.includes("/src/layers/") === true
      return isOurs ? { ...resolved, url: `${resolved.url}?planted`, format: "module" } : resolved
    },
    load: (url, context, nextLoad) => {
      if (!url.endsWith("?planted")) return nextLoad(url, context)
      const real = JSON.stringify(url.slice(0, -"?planted".length))
      const source = `
        import * as lmdb from ${real}
        export * from ${real}
        export const open = (options) =>
          lmdb.open(options.path.endsWith("/log") ? { ...options, ...${planted} } : options)`
      return { format: "module", shortCircuit: true, source }
    }
  })
}
