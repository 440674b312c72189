import { describe, expect, it } from "vitest";
import { diskRoom } from "../../src/domain/disk-room.ts";
import { DiskWatch } from "../../workers/keeper/disk-watch.ts";

const MIB = 1_048_576;

describe("room for checkpoints", () => {
  const totalBytes = 10_000 * MIB;
  it.each([
    [10_000, 10, "ample"],
    [101, 10, "ample"],
    [99, 10, "short"], // The last hundredth of the disk.
    [599, 100, "short"], // Room for less than three.
    [600, 100, "ample"],
    [199, 100, "none"], // It lies there twice for a while.
    [50, 0, "short"], // There is none yet to go by.
    [0, 0, "none"],
  ])("with %i MiB free of 10,000, a checkpoint of %i MiB has %s", (free, bytes, room) => {
    expect(diskRoom({ freeBytes: free * MIB, totalBytes }, bytes * MIB)).toBe(room);
  });
});

describe("the watch on the disks", () => {
  const bed = (folders: readonly string[] = ["work"]) => {
    const state = { free: new Map<string, number>(), bytes: 100 as number | null };
    const asked: string[] = [];
    const watch = new DiskWatch({
      folders,
      checkpointBytes: () => state.bytes,
      onShort: (folder) => asked.push(folder),
      spaceOf: (folder) => {
        const freeBytes = state.free.get(folder);
        return freeBytes === undefined
          ? Promise.reject(new Error("not there yet"))
          : Promise.resolve({ freeBytes, totalBytes: 10_000 });
      },
    });
    const look = async (free: number, folder = "work"): Promise<string[]> => {
      state.free.set(folder, free);
      await watch.look();
      return asked.splice(0);
    };
    return { state, look, watch };
  };

  it("DW1: asks once when room becomes short, and again only after there was enough", async () => {
    const { look } = bed();
    expect(await look(5_000)).toEqual([]);
    expect(await look(500)).toEqual(["work"]);
    for (const free of [400, 100, 300]) expect(await look(free)).toEqual([]);
    expect(await look(5_000)).toEqual([]);
    expect(await look(300)).toEqual(["work"]);
  });

  it("a disk that was full when it was looked at first asks when there is a little room again", async () => {
    const { look } = bed();
    expect(await look(50)).toEqual([]);
    expect(await look(300)).toEqual(["work"]);
  });

  it("DW1: what there is nothing to save for yet is asked for when there is", async () => {
    const { state, look } = bed();
    state.bytes = null;
    expect(await look(300)).toEqual([]);
    state.bytes = 100;
    expect(await look(300)).toEqual(["work"]);
  });

  it("looks at each disk by itself, and minds none that is not there yet", async () => {
    const { look } = bed(["store", "work"]);
    expect(await look(300)).toEqual(["work"]);
    expect(await look(300, "store")).toEqual(["store"]);
  });

  it("DW2: a disk that does not answer is not asked again meanwhile", async () => {
    let asked = 0;
    const silent = () => {
      asked += 1;
      return new Promise<never>(() => undefined);
    };
    const watch = new DiskWatch({
      folders: ["work"],
      checkpointBytes: () => 1,
      onShort: () => undefined,
      spaceOf: silent,
    });
    void watch.look();
    await watch.look();
    expect(asked).toBe(1);
  });
});
