import { describe, expect, it } from "vitest"
import { parse, valueOf } from "./PrometheusText.ts"

const help = "# HELP a_total how often\n# TYPE a_total counter\n"
const histogram = `# HELP h how long
# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="+Inf"} 3
h_sum 7.5
h_count 3
`

describe("the reader of Prometheus text", () => {
  it("reads counters, gauges, histograms, labels and escapes", () => {
    const scrape = parse(
      `${help}a_total{x="1",y="a\\"b\\\\c\\nd"} 2\na_total{x="2"} 1e+21\n${histogram}`
    )
    expect(valueOf(scrape, "a_total", { x: "2" })).toBe(1e21)
    expect(valueOf(scrape, "h_bucket", { le: "1" })).toBe(1)
    expect(valueOf(scrape, "h_sum")).toBe(7.5)
    expect(scrape.get("a_total")).toMatchObject({ type: "counter", help: "how often" })
    expect(() => valueOf(scrape, "a_total")).toThrow("2 series")
    expect(() => valueOf(scrape, "b_total")).toThrow("0 series")
  })

  it.each([
    ["no end", `${help}a_total 1`],
    ["no TYPE", "a_total 1\n"],
    ["no HELP", "# TYPE a_total counter\na_total 1\n"],
    ["an unknown type", "# HELP a x\n# TYPE a summary\na 1\n"],
    ["no sample", help],
    ["a family in two pieces", `${help}a_total 1\n${help}a_total{x="1"} 1\n`],
    ["a sample of another family", `${help}b_total 1\n`],
    ["a series twice", `${help}a_total 1\na_total 1\n`],
    ["a label twice", `${help}a_total{x="1",x="2"} 1\n`],
    ["an open label", `${help}a_total{x="1} 1\n`],
    ["a bad escape", `${help}a_total{x="\\t"} 1\n`],
    ["no value", `${help}a_total\n`],
    ["a value that is none", `${help}a_total NaN\n`],
    ["an empty line", `${help}\na_total 1\n`],
    ["a counter without _total", "# HELP a x\n# TYPE a counter\na 1\n"],
    ["a gauge with _total", "# HELP a_total x\n# TYPE a_total gauge\na_total 1\n"],
    ["a negative counter", `${help}a_total -1\n`],
    ["buckets that go down", histogram.replace('"1"} 1', '"1"} 4')],
    ["no +Inf", histogram.replace("+Inf", "2")],
    ["another count", histogram.replace("h_count 3", "h_count 4")],
    ["no sum", histogram.replace("h_sum 7.5\n", "")]
  ])("refuses %s", (_name, text) => {
    expect(() => parse(text)).toThrow()
  })
})
