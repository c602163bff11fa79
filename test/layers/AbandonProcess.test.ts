/** A process that is abandoned ends with its exit code and runs nothing on its way. */
import { spawnSync } from "node:child_process"
import { expect, it } from "vitest"

const module = new URL("../../src/layers/AbandonProcess.ts", import.meta.url).href

it("ends with the exit code, and neither exits as usual nor cleans up", () => {
  const program = `
    import { abandonProcess } from ${JSON.stringify(module)}
    process.on("exit", () => console.log("cleaned up"))
    console.log("said")
    abandonProcess(70, () => console.log("exited as usual"))
    console.log("came back")`
  const options = ["--input-type=module", "--eval", program]
  const { signal, status, stderr, stdout } = spawnSync(process.execPath, options, {
    encoding: "utf8"
  })
  expect({ signal, status, stderr, stdout }).toEqual({
    signal: null,
    status: 70,
    stderr: "",
    stdout: "said\n"
  })
})
