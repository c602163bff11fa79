/** The node whose disk loses power: the one of `sealog serve`, with a KEK that every process knows. */
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { KeyEncryptionKey } from "../../src/domain/encryption/DataKey.ts"
import type { NodeName } from "../../src/domain/Ids.ts"
import * as KekProviderMemory from "../../src/layers/KekProviderMemory.ts"
import * as Node from "../../src/layers/Node.ts"

/** 32 bytes in a buffer of their own. */
const kekBytes = () => Buffer.alloc(32, 7)

export const kek = () => new KeyEncryptionKey(kekBytes())

export const layer = (directory: string) =>
  Node.layer({ directory, nodeName: "n1" as NodeName }).pipe(
    Layer.provide(KekProviderMemory.layer({ bytes: kekBytes() })),
    Layer.provide(Logger.layer([]))
  )
