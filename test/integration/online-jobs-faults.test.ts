/** Whatever happens to the API process that sees to them, online jobs come to their end, once. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Json } from "../../src/contract/json.ts";
import type { CairnClient } from "../../src/client/client.ts";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";
import { ended, finalsOf, killApi, linesOf } from "../support/online-jobs.ts";
import { startRedis } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";

const SERVERS = {
  "one Redis": startRedis,
  "a Cluster of three primaries": async () => {
    const cluster = await startRedisCluster();
    const [first] = cluster.primaries;
    if (first === undefined) throw new Error("no primary");
    return { ...first, url: cluster.url, stop: () => cluster.stop() };
  },
};

describe.each(Object.entries(SERVERS))("online jobs on %s", (_name, startServer) => {
  let fleet: Fleet;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cairn-once-"));
    fleet = await Fleet.start({
      workers: 2,
      redis: await startServer(),
      settings: { CAIRN_ONLINE_SLOTS: "24" },
    });
  });
  afterAll(async () => {
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const submit = async (client: CairnClient, task: string, input: Json): Promise<string> =>
    (await client.submit({ task, input, deadlineMs: 40_000 })).job.id;

  it("all come to their end when the process that sees to them is killed with 20 under way", async () => {
    const api = await fleet.addApi();
    const sleeping = await Promise.all(Array.from({ length: 16 }, () => submit(api.client, "sleep", { ms: 700 })));
    const files = Array.from({ length: 4 }, (_, n) => join(folder, `killed-${n}`));
    const once = await Promise.all(files.map((file) => submit(api.client, "once", { file, ms: 2_500 })));
    await eventually("all run", () => files.every((file) => linesOf(file).length === 1));
    killApi(api);
    for (const job of await ended(fleet, sleeping)) {
      expect(job).toMatchObject({ state: "succeeded", output: { sleptMs: 700 }, staleWritesRefused: 0 });
    }
    // They must not run twice, and ran on: what their replicas answered was found.
    for (const job of await ended(fleet, once)) {
      expect(job).toMatchObject({ state: "succeeded", output: { job: job.id, attempt: 1 } });
    }
    expect(files.map((file) => linesOf(file).length)).toEqual([1, 1, 1, 1]);
    const counts = await Promise.all([...sleeping, ...once].map((id) => finalsOf(fleet, id)));
    expect(new Set(counts)).toEqual(new Set([1]));
  });
});
