/** Wrong rules that only tests can ask the checker for: each must be noticed (`Oracle.test.ts`). */
export const plantedRules = [
  "real-time order ignored",
  "unknown must take effect soon",
  "unknown never takes effect",
  "memory without the state",
  "memory without the open operations",
  "memory without the unknown operations",
  "more unknown operations preferred",
  "worse state preferred",
  "writes settled like reads",
  "everything overwrites",
  "the same unknown input once only"
] as const

export type PlantedRule = (typeof plantedRules)[number]
