/** A small file system in memory that a test fills up and empties again. Only root can mount one. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { open, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class SmallDisk {
  readonly folder: string;

  /** Mounts one at `folder`, which is made if absent. */
  constructor(folder: string, megabytes = 16) {
    mkdirSync(folder, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder], { stdio: "ignore" });
    this.folder = folder;
  }

  /** Fills it up. @param leave bytes that stay free */
  async fill(leave = 0): Promise<void> {
    const file = await open(join(this.folder, "filler"), "w");
    try {
      if (leave > 0) {
        const { bavail, bsize } = await statfs(this.folder);
        await file.write(Buffer.alloc(bavail * bsize - leave));
        return;
      }
      for (const bytes of [262_144, 4_096]) {
        for (;;) if ((await file.write(Buffer.alloc(bytes))).bytesWritten < bytes) break;
      }
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    } finally {
      await file.close();
    }
  }

  makeRoom(): Promise<void> {
    return rm(join(this.folder, "filler"));
  }

  /** It is gone for whoever looks now; who has files open there keeps them. */
  unmount(): void {
    execFileSync("umount", ["-l", this.folder]);
  }
}

export function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "cairn-mount-"));
  try {
    new SmallDisk(folder).unmount();
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
