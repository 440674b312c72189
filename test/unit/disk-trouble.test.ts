import { describe, expect, it } from "vitest";
import { StoreFault } from "../../src/checkpoints/checkpoints.ts";
import { heldUpBy } from "../../workers/keeper/store-patience.ts";
import { diskTrouble, whyNotSaved } from "../../workers/runner/disk-trouble.ts";

const refused = (code: string): Error =>
  Object.assign(new Error(`${code}: refused, write`), { code, errno: -5, syscall: "write" });

describe("a disk that fails", () => {
  it("is not the fault of the task that writes there, or that is to be saved there", () => {
    expect(["EIO", "ESTALE", "ENOSPC", "EDQUOT"].map((code) => diskTrouble(refused(code)))).toEqual([
      ...["disk_failed", "disk_failed", "disk_full", "disk_full"],
    ]);
    expect(["EIO", "ENOSPC"].map((code) => whyNotSaved(refused(code)))).toEqual(["disk_failed", "no_room"]);
  });

  it("is not meant where a task makes a mistake", () => {
    for (const error of [refused("EACCES"), refused("EROFS"), refused("ENOENT"), new Error("EIO"), null]) {
      expect([diskTrouble(error), whyNotSaved(error)]).toEqual([null, "task"]);
    }
  });

  it("is meant by whatever the system refuses a keeper, in which no user's code runs: it is no loss of a runner", () => {
    expect(["EIO", "EROFS", "ENOENT", "EMFILE"].map((code) => heldUpBy(refused(code)))).toEqual([
      ...["disk_failed", "disk_failed", "disk_failed", "disk_failed"],
    ]);
    expect(heldUpBy(refused("ENOSPC"))).toBe("disk_full");
    expect(heldUpBy(new StoreFault("unavailable", "away"))).toBe("store_unavailable");
    expect(heldUpBy(new TypeError("a mistake"))).toBeNull();
  });
});
