/**
 * Bugs that a campaign of power losses must find, planted with `node --import` by replacing a module
 * while it is loaded. No product code knows of them.
 */
import { registerHooks } from "node:module"
import * as PlantedLogOptions from "./PlantedLogOptions.ts"

interface Replacement {
  readonly of: RegExp
  readonly importedBy: string
  /** A module of this folder. */
  readonly by: string
}

const replacements: Readonly<Record<string, Replacement>> = {
  namesNotSynced: {
    of: /^node:fs$/,
    importedBy: "LmdbFile.ts",
    by: "PowerLossPlantedFs.ts"
  },
  stateSplit: {
    of: /\/StateStoreLmdb\.ts$/,
    importedBy: "Node.ts",
    by: "PowerLossPlantedStateStore.ts"
  }
}

const variable = "SEALOG_PLANTED_POWER_LOSS_BUG"
const replacing = (name: string) => ({
  NODE_OPTIONS: `--import=${import.meta.url}`,
  [variable]: name
})

/** How to start a process that has the bug. */
export const environments: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  /** The log is never flushed. */
  logNotSynced: PlantedLogOptions.environment({ noSync: true }),
  /** What points to the pages of a commit may reach the disk before them. */
  logOverlapping: PlantedLogOptions.environment({ overlappingSync: true }),
  /** No name in the data directory is flushed. */
  namesNotSynced: replacing("namesNotSynced"),
  /** The values of a run are committed apart from its applied index. */
  stateSplit: replacing("stateSplit")
}

const planted = replacements[process.env[variable] ?? ""]

if (planted !== undefined) {
  const { by, importedBy, of } = planted
  registerHooks({
    resolve: (specifier, context, next) =>
      of.test(specifier) && context.parentURL?.endsWith(`/src/layers/${importedBy}`) === true
        ? {
            url: new URL(by, import.meta.url).href,
            format: "module-typescript",
            shortCircuit: true
          }
        : next(specifier, context)
  })
}
