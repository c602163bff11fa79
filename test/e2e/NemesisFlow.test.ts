/** One direction of the nemesis' proxy, without sockets and with a clock that is a number. */
import { describe, expect, it } from "vitest"
import { Flow, type Step, type Traffic } from "../../scripts/nemesis/Flow.ts"
import { delay, drop, hold, pass, slow } from "../../scripts/nemesis/Link.ts"
import { seededNumbers } from "../support/SeededNumbers.ts"

const send = (text: string) => ({ _tag: "Send", bytes: Buffer.from(text) }) as const
const end = { _tag: "Close", how: "end" } as const
const reset = { _tag: "Close", how: "reset" } as const
const at = (now: number, jitter = 0) => ({ now, jitter })

/** Everything that may leave now, and what then remains to be said. */
const taken = (flow: Flow, traffic: Traffic, now: number) => {
  const told: Array<string> = []
  for (;;) {
    const step: Step = flow.next(traffic, now)
    if (step._tag === "Idle" || step._tag === "Wait") {
      return step._tag === "Idle" ? told : [...told, `wait ${step.millis}`]
    }
    if (step._tag === "Send") told.push(Buffer.from(step.bytes).toString())
    else told.push(step._tag === "Open" ? "open" : step.how)
  }
}

describe("a flow", () => {
  it("passes all in order, and ends once", () => {
    const flow = new Flow()
    flow.push({ _tag: "Open" }, at(0))
    flow.push(send("ab"), at(0))
    flow.push(send("c"), at(1))
    flow.push(end, at(1))
    expect(flow.bytes).toBe(3)
    expect(taken(flow, pass, 1)).toEqual(["open", "ab", "c", "end"])
    expect(flow.bytes).toBe(0)
    expect(taken(flow, pass, 2)).toEqual([])
  })

  it("lets a reset follow an end, and nothing a reset", () => {
    const flow = new Flow()
    for (const content of [end, reset, send("a")]) flow.push(content, at(0))
    expect(taken(flow, pass, 0)).toEqual(["end", "reset"])
    flow.push(send("b"), at(0))
    expect(taken(flow, pass, 0)).toEqual([])
  })

  it("holds everything, the end as well, and gives it when it may", () => {
    const flow = new Flow()
    flow.push(send("a"), at(0))
    flow.push(end, at(0))
    expect(taken(flow, hold, 1_000)).toEqual([])
    expect(flow.bytes).toBe(1)
    expect(taken(flow, pass, 1_000)).toEqual(["a", "end"])
  })

  it.each([end, reset, { _tag: "Open" } as const])("holds $_tag alone as well", (content) => {
    const flow = new Flow()
    flow.push(content, at(0))
    expect(taken(flow, hold, 1_000)).toEqual([])
    expect(taken(flow, pass, 1_000)).toHaveLength(1)
  })

  it("that lost something is reset, never continued", () => {
    const flow = new Flow()
    flow.push(send("a"), at(0))
    expect(taken(flow, drop, 0)).toEqual([])
    expect(flow.bytes).toBe(0)
    expect(taken(flow, hold, 0)).toEqual([])
    flow.push(send("b"), at(0))
    expect(taken(flow, pass, 0)).toEqual(["reset"])
    expect(taken(flow, pass, 0)).toEqual([])
  })

  it.each([
    ["an end", end],
    ["an opening", { _tag: "Open" } as const]
  ])("that lost %s is reset as well", (_name, content) => {
    const flow = new Flow()
    flow.push(content, at(0))
    expect(taken(flow, drop, 0)).toEqual([])
    expect(taken(flow, pass, 0)).toEqual(["reset"])
  })

  it("that had nothing to lose goes on", () => {
    const flow = new Flow()
    expect(taken(flow, drop, 0)).toEqual([])
    flow.push(send("a"), at(0))
    expect(taken(flow, pass, 0)).toEqual(["a"])
  })

  it("delays each piece from its arrival, never overtaken by one with less jitter", () => {
    const flow = new Flow()
    flow.push(send("a"), at(100, 0.5))
    flow.push(send("b"), at(110, 0))
    const traffic = delay(50, 40)
    expect(taken(flow, traffic, 100)).toEqual(["wait 70"])
    expect(taken(flow, traffic, 165)).toEqual(["wait 5"])
    expect(taken(flow, traffic, 170)).toEqual(["a", "b"])
  })

  it("gives at once what was delayed when it passes again", () => {
    const flow = new Flow()
    flow.push(send("a"), at(0))
    expect(taken(flow, delay(1_000), 0)).toEqual(["wait 1000"])
    expect(taken(flow, pass, 1)).toEqual(["a"])
  })

  it("is as slow as it is told: portions, and the wait that each costs", () => {
    const flow = new Flow()
    flow.push(send("x".repeat(250)), at(0))
    const traffic = slow(5_000)
    let now = 0
    let bytes = 0
    for (let step = flow.next(traffic, now); step._tag !== "Idle"; step = flow.next(traffic, now)) {
      if (step._tag === "Wait") now += step.millis
      if (step._tag === "Send") bytes += step.bytes.length
    }
    expect(bytes).toBe(250)
    // 100 bytes cost 20 ms, and the last portion leaves when those before it have had their time.
    expect(now).toBeCloseTo(40)
  })

  it("moves on at less than a byte a portion", () => {
    const flow = new Flow()
    flow.push(send("ab"), at(0))
    expect(taken(flow, slow(1), 0)).toEqual(["a", "wait 1000"])
    expect(taken(flow, slow(1), 1_000)).toEqual(["b"])
  })

  it("keeps every byte in order, whatever the traffic becomes", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const numbers = seededNumbers(seed)
      const flow = new Flow()
      const traffics = [pass, hold, delay(5, 20), slow(500)]
      let traffic: Traffic = pass
      let sent = ""
      let arrived = ""
      for (let now = 0; now < 200; now++) {
        if (numbers.below(10) === 0) traffic = traffics[numbers.below(traffics.length)]!
        if (numbers.below(3) === 0) {
          const text = `${now},`
          sent += text
          flow.push(send(text), at(now, numbers.next()))
        }
        arrived += taken(flow, traffic, now)
          .filter((told) => !told.startsWith("wait"))
          .join("")
        expect(sent.startsWith(arrived), `seed ${seed}`).toBe(true)
        expect(flow.bytes, `seed ${seed}`).toBe(sent.length - arrived.length)
      }
      arrived += taken(flow, pass, 200).join("")
      expect(arrived, `seed ${seed}`).toBe(sent)
    }
  })
})
