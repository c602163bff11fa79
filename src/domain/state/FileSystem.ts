/**
 * Which file systems are known not to make a commit durable (SPEC §17).
 *
 * What can be known before anything is written: the type, and the options it is mounted with. Refused is
 * only what is known: a network file system (LMDB maps its file into memory, and two hosts do not see
 * one memory), and a mount that is told to ignore a sync. A disk that lies about its cache, or a FUSE
 * file system that does nothing in `fsync`, cannot be told from an honest one. One in memory is
 * allowed: tests use it, and whoever mounts it knows.
 * Proof: `FileSystem.test.ts`.
 */

/** Types of `statfs`, from the kernel's `magic.h`. */
const networkTypes: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x5346414f, "AFS"],
  [0x73757245, "Coda"],
  [0x564c, "NCP"]
])

/** A mount told to ignore syncs (overlay, older and newer kernels), or not to flush the disk's cache. */
const deafOptions: ReadonlySet<string> = new Set([
  ...["volatile", "fsync=volatile"],
  ...["nobarrier", "barrier=0"]
])

/** One line of `/proc/self/mountinfo`. */
export interface Mount {
  readonly mountPoint: string
  readonly type: string
  readonly options: ReadonlyArray<string>
}

/** Why the file system is refused, in a few words; `undefined` if nothing speaks against it. */
export function problemOf(fileSystem: {
  readonly type: number
  readonly mount: Mount | undefined
}): string | undefined {
  // Node gives the type as a signed number on some platforms.
  const network = networkTypes.get(fileSystem.type >>> 0)
  if (network !== undefined) return `${network} is a network file system`
  const deaf = fileSystem.mount?.options.find((option) => deafOptions.has(option))
  return deaf === undefined ? undefined : `it is mounted with ${deaf}, which ignores syncs`
}

/** The mount that an absolute path without symbolic links is in; later lines cover earlier ones. */
export function mountOf(mountInfo: string, path: string): Mount | undefined {
  let found: Mount | undefined
  for (const line of mountInfo.split("\n")) {
    const mount = parse(line)
    if (mount === undefined || !contains(mount.mountPoint, path)) continue
    if (found === undefined || mount.mountPoint.length >= found.mountPoint.length) found = mount
  }
  return found
}

/** `36 35 98:0 /root /mnt rw,noatime master:1 - ext4 /dev/sda1 rw,barrier=0` */
function parse(line: string): Mount | undefined {
  const [before, after] = line.split(" - ")
  const mountPoint = before?.split(" ")[4]
  const ownOptions = before?.split(" ")[5]
  const [type, , superOptions = ""] = after?.split(" ") ?? []
  if (mountPoint === undefined || ownOptions === undefined || type === undefined) return undefined
  const options = [...ownOptions.split(","), ...superOptions.split(",")]
  return { mountPoint: unescape(mountPoint), type, options }
}

/** Blanks, tabs, line ends and backslashes are written in octal. */
const unescape = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8))
  )

const contains = (mountPoint: string, path: string): boolean =>
  mountPoint === "/" || path === mountPoint || path.startsWith(`${mountPoint}/`)
