import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { BatchStage, nothingWrong, told } from "../../support/batch-stage.ts";
import { countAtMost, type Scenario } from "../../support/scenario.ts";

const MEGABYTES = 48;

/** A disk that is full is nobody's failure: what runs goes on, and is safe again when there is room. Needs root. */
export const diskFull: Scenario = {
  name: "disk-full",
  title: "the disk of the store is filled up, again and again, while jobs make checkpoints",
  run: async (options) => {
    if (process.getuid?.() !== 0) throw new Error("mounting a small disk needs root");
    const disk = mkdtempSync(join(tmpdir(), "cairn-disk-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${MEGABYTES}m`, "tmpfs", disk]);
    const settings = { CAIRN_STORE: `file:${disk}/store`, CAIRN_GARBAGE_DELAY_MS: "0" };
    const stage = await BatchStage.open({ settings }, options);
    try {
      const ids = await stage.count(3, { steps: stage.amount(900, 300), stepMs: 40, stateBytes: 1_000_000 });
      await stage.trouble(stage.amount(90, 15), 2_000, async () => {
        const filler = join(disk, "filler");
        fill(filler);
        await delay(stage.between(1_000, 4_000));
        rmSync(filler);
        return "the disk was full for a while";
      });
      const audit = await stage.audit(ids);
      const retries = audit.jobs.reduce((sum, { retries: own }) => sum + own, 0);
      return {
        measured: { ...told(stage, audit), "files in the store at the end": countFiles(disk) },
        expectations: [...nothingWrong(audit), countAtMost("retries that it cost", retries, 0)],
      };
    } finally {
      await stage.close();
      execFileSync("umount", ["-l", disk]);
      rmSync(disk, { recursive: true, force: true });
    }
  },
};

function fill(path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(MEGABYTES * 1_048_576));
  } catch {
    // Now it is full.
  }
}

function countFiles(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => {
    try {
      return statSync(join(folder, name)).isFile();
    } catch {
      return false; // Deleted meanwhile.
    }
  }).length;
}
