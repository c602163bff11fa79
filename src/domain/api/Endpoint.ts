/**
 * Where a node listens or is reached: `HOST:PORT`, with IPv6 hosts in brackets.
 *
 * Names are not resolved here. Until TLS and authentication exist a node serves loopback addresses
 * only, so {@link isLoopback} must never accept one that leaves the machine. Proof:
 * `test/domain/api/Endpoint.test.ts`.
 */

export interface Endpoint {
  /** A name or an address, without brackets. */
  readonly host: string
  /** 0 when listening: any free port. */
  readonly port: number
}

const shape = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/

/** `undefined` if the text is not `HOST:PORT`. */
export function parse(text: string): Endpoint | undefined {
  const [, bracketed, plain, digits] = shape.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host === undefined || !(port <= 0xffff)) return undefined
  return { host, port }
}

export const format = ({ host, port }: Endpoint): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

/** 127.0.0.0/8, `::1`, or the name `localhost`. */
export const isLoopback = ({ host }: Endpoint): boolean =>
  host === "localhost" || host === "::1" || /^127(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(host)

/**
 * The address to bind for a loopback endpoint: the name `localhost` becomes 127.0.0.1, so that what is
 * bound does not depend on how the machine resolves names.
 */
export const toBind = (endpoint: Endpoint): Endpoint =>
  endpoint.host === "localhost" ? { ...endpoint, host: "127.0.0.1" } : endpoint
