import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as TxnDescription from "../../../src/domain/kv/TxnDescription.ts"
import { failureOf } from "../bytes/Decoding.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const { parse } = TxnDescription

describe("the description of a transaction", () => {
  it("is read into compares and branches, with text or base64", () => {
    const described = parse(`{
      "compare": [
        {"key": "a", "exists": false},
        {"keyBase64": "/wA=", "revision": {"greater": 3}},
        {"key": "b", "value": {"equal": "Zürich"}},
        {"key": "b", "valueBase64": {"notEqual": "AP8="}}
      ],
      "then": [{"put": {"key": "a", "value": "1"}}, {"put": {"key": "b", "valueBase64": ""}}],
      "else": [{"delete": {"key": "a"}}, {"get": {"keyBase64": "AA=="}}]
    }`)
    expect(Result.getOrThrow(described)).toEqual({
      _tag: "Txn",
      compares: [
        { _tag: "Exists", key: bytes("a"), exists: false },
        { _tag: "Revision", key: Uint8Array.of(0xff, 0), operator: "greater", revision: 3 },
        { _tag: "Value", key: bytes("b"), operator: "equal", value: bytes("Zürich") },
        { _tag: "Value", key: bytes("b"), operator: "notEqual", value: Uint8Array.of(0, 0xff) }
      ],
      onSuccess: [
        { _tag: "Put", key: bytes("a"), value: bytes("1") },
        { _tag: "Put", key: bytes("b"), value: bytes("") }
      ],
      onFailure: [
        { _tag: "Delete", key: bytes("a") },
        { _tag: "Get", key: Uint8Array.of(0) }
      ]
    })
    expect(Result.getOrThrow(parse("{}"))).toEqual({
      _tag: "Txn",
      compares: [],
      onSuccess: [],
      onFailure: []
    })
  })

  it("is refused with the path of what is wrong, and never with what was given", () => {
    const secret = "s3cret"
    const key = `"key":"${secret}"`
    const put = `{"put":{${key},"value":"${secret}"}}`
    const cases: ReadonlyArray<readonly [string, string]> = [
      [`"${secret}"`, "its top level"],
      ["[]", "its top level"],
      ['{"if":[]}', "if"],
      ['{"then":{}}', "then"],
      [`{"then":["${secret}"]}`, "then[0]"],
      ['{"then":[{}]}', "then[0]"],
      [`{"then":[{"delete":{${key}},"get":{${key}}}]}`, "then[0]"],
      [`{"then":[${put},{"putt":{${key}}}]}`, "then[1].putt"],
      [`{"else":[{"put":{${key}}}]}`, "else[0].put"],
      [`{"else":[{"put":{${key},"value":"","valueBase64":""}}]}`, "else[0].put"],
      [`{"else":[{"put":{${key},"value":17}}]}`, "else[0].put.value"],
      [`{"else":[{"get":{"keyBase64":"${secret}"}}]}`, "else[0].get.keyBase64"],
      ['{"else":[{"delete":{}}]}', "else[0].delete"],
      [`{"compare":[{${key}}]}`, "compare[0]"],
      ['{"compare":[{"exists":true}]}', "compare[0]"],
      [`{"compare":[{${key},"exists":1}]}`, "compare[0].exists"],
      [`{"compare":[{${key},"exists":true,"value":{"equal":"${secret}"}}]}`, "compare[0]"],
      [`{"compare":[{${key},"value":{"like":"${secret}"}}]}`, "compare[0].value.like"],
      [`{"compare":[{${key},"value":{}}]}`, "compare[0].value"],
      [`{"compare":[{${key},"revision":{"less":1,"greater":2}}]}`, "compare[0].revision"],
      [`{"compare":[{${key},"revision":{"less":-1}}]}`, "compare[0].revision.less"],
      [`{"compare":[{${key},"revision":{"less":0.5}}]}`, "compare[0].revision.less"]
    ]
    for (const [description, path] of cases) {
      const refused = failureOf(parse(description))
      expect(refused.path, description).toBe(path)
      expect(refused.message).not.toContain(secret)
    }
    const notJson = failureOf(parse(`{"then": ${secret}`))
    expect(notJson.reason).toBe("not JSON")
    expect(notJson.message).not.toContain(secret)
  })
})
