import { describe, expect, it } from "vitest"
import * as FileSystem from "../../../src/domain/state/FileSystem.ts"

const ext4 = 0xef53
const overlay = 0x794c7630
const tmpfs = 0x01021994

const mount = (options: string): FileSystem.Mount => ({
  mountPoint: "/data",
  type: "any",
  options: options.split(",")
})

describe("file systems (SPEC §17)", () => {
  it.each([
    ["NFS", 0x6969],
    ["SMB", 0x517b],
    ["CIFS", 0xff534d42],
    ["CIFS", 0xff534d42 | 0],
    ["SMB2", 0xfe534d42],
    ["AFS", 0x5346414f],
    ["Coda", 0x73757245],
    ["NCP", 0x564c]
  ])("%s (%i) is refused, whatever its mount says", (name, type) => {
    expect(FileSystem.problemOf({ type, mount: undefined })).toContain(name)
    expect(FileSystem.problemOf({ type, mount: mount("rw,sync") })).toContain(name)
  })

  it.each(["volatile", "fsync=volatile", "nobarrier", "barrier=0"])(
    "a mount with %s is refused",
    (option) => {
      const problem = FileSystem.problemOf({ type: overlay, mount: mount(`rw,${option},relatime`) })
      expect(problem).toContain(option)
    }
  )

  it.each([ext4, overlay, tmpfs, 0])("of type %i nothing speaks against it", (type) => {
    expect(FileSystem.problemOf({ type, mount: undefined })).toBeUndefined()
    expect(
      FileSystem.problemOf({ type, mount: mount("rw,relatime,barrier=1,fsync=strict") })
    ).toBeUndefined()
    const workdir = mount("rw,upperdir=/volatile,workdir=/nobarrier")
    expect(FileSystem.problemOf({ type, mount: workdir })).toBeUndefined()
  })
})

describe("the mount of a path", () => {
  // Two lines of proc(5), one of a container, one over another.
  const mountInfo = [
    "22 1 98:0 / / rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro",
    "36 22 98:1 /mnt1 /mnt/data rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
    "37 36 0:44 / /mnt/data/with\\040blank rw - overlay overlay rw,lowerdir=/l,volatile",
    "38 22 0:45 / /mnt/over rw - tmpfs none rw",
    "39 38 0:46 / /mnt/over rw - xfs /dev/sdb rw,nobarrier",
    "not a mount",
    ""
  ].join("\n")
  const of = (path: string) => {
    const found = FileSystem.mountOf(mountInfo, path)
    return found === undefined ? undefined : [found.mountPoint, found.type]
  }

  it.each([
    ["/", "/", "ext4"],
    ["/mnt", "/", "ext4"],
    ["/mnt/database", "/", "ext4"],
    ["/mnt/data", "/mnt/data", "ext3"],
    ["/mnt/data/node", "/mnt/data", "ext3"],
    ["/mnt/data/with blank/node", "/mnt/data/with blank", "overlay"],
    ["/mnt/over/node", "/mnt/over", "xfs"]
  ])("%s is in %s, %s", (path, mountPoint, type) => {
    expect(of(path)).toEqual([mountPoint, type])
  })

  it("has the options of the mount and of its file system", () => {
    const { options } = FileSystem.mountOf(mountInfo, "/mnt/data/with blank")!
    expect(options).toEqual(["rw", "rw", "lowerdir=/l", "volatile"])
  })

  it("is nothing where nothing is known", () => {
    expect(FileSystem.mountOf("", "/data")).toBeUndefined()
  })
})
