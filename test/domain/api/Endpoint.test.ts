import { describe, expect, it } from "vitest"
import * as Endpoint from "../../../src/domain/api/Endpoint.ts"

describe("Endpoint", () => {
  it.each([
    ["127.0.0.1:7000", { host: "127.0.0.1", port: 7000 }],
    ["localhost:0", { host: "localhost", port: 0 }],
    ["[::1]:65535", { host: "::1", port: 65535 }]
  ])("parses and formats %s", (text, endpoint) => {
    expect(Endpoint.parse(text)).toEqual(endpoint)
    expect(Endpoint.format(endpoint)).toBe(text)
  })

  it.each(["", "7000", ":7000", "host:", "host:65536", "host:-1", "::1:7000", "a b:1", "host:1x"])(
    "refuses %j",
    (text) => {
      expect(Endpoint.parse(text)).toBeUndefined()
    }
  )

  it.each(["127.0.0.1", "127.1.2.3", "127.255.255.255", "::1", "localhost"])(
    "%s is a loopback address",
    (host) => {
      expect(Endpoint.isLoopback({ host, port: 1 })).toBe(true)
    }
  )

  it.each(["0.0.0.0", "::", "10.0.0.1", "127.0.0.256", "127.0.0.1.example.org", "example.org"])(
    "%s is not",
    (host) => {
      expect(Endpoint.isLoopback({ host, port: 1 })).toBe(false)
    }
  )

  it("binds localhost as 127.0.0.1, whatever the machine resolves it to", () => {
    expect(Endpoint.toBind({ host: "localhost", port: 1 })).toEqual({ host: "127.0.0.1", port: 1 })
    expect(Endpoint.toBind({ host: "::1", port: 1 })).toEqual({ host: "::1", port: 1 })
  })
})
