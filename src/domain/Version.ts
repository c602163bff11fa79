/** The version of this software, as `package.json` has it. Proof: `test/domain/Version.test.ts`. */
export const version = "0.1.0"
