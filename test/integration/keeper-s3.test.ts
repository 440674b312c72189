/** An attempt whose store is a bucket: keys that only the keeper's SDK finds, a killed upload, and what the task sees of it. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { countDigest } from "../support/fleet.ts";
import { TestJob } from "../support/keeper-agent.ts";
import { S3Server } from "../support/s3/server.ts";

describe("a keeper whose store is on S3", () => {
  let job: TestJob;
  let server: S3Server;
  beforeEach(async () => {
    job = await TestJob.create();
    server = new S3Server({ folder: join(job.root, "bucket") });
    await server.start();
  });
  afterEach(async () => {
    await job.close();
    await server.stop();
  });
  /** Keys as the role of a container has them: in variables, which an agent hands on. */
  const onS3 = () => ({
    storeUrl: server.url("p"),
    storeAccess: {
      ...{ s3: null, token: null },
      sdk: { AWS_ACCESS_KEY_ID: server.keys.accessKeyId, AWS_SECRET_ACCESS_KEY: server.keys.secretAccessKey },
    },
  });

  test("checkpoints there and continues from there, after a kill too", async () => {
    const steps = 60;
    const wishes = { ...onS3(), input: JSON.stringify({ steps, stepMs: 20, stateBytes: 200_000 }), intervalMs: 100 };
    const first = job.attempt(wishes);
    await first.until("it has two checkpoints", () => job.commits.length > 1);
    first.keeper.kill("SIGKILL");
    await first.exited;
    const last = job.commits.at(-1)!;
    const second = job.attempt(wishes);
    expect(await second.over()).toMatchObject({
      kind: "succeeded",
      output: JSON.stringify({ steps, digest: countDigest(steps) }),
    });
    expect(second.restoredFrom).toBe(last.seq);
    expect([...server.bucket.objects.keys()]).toContain(`p/jobs/${job.id}/OUTCOME.json`);
  });

  test("RU3: the task sees none of the keys", async () => {
    const taskModules = [fileURLToPath(new URL("../support/batch-tasks.mjs", import.meta.url))];
    const end = await job.attempt({ ...onS3(), task: "surroundings", taskModules }).over();
    if (end?.kind !== "succeeded") throw new Error(JSON.stringify(end));
    const names = JSON.parse(end.output) as string[];
    expect(names).toContain("PATH");
    expect(names.filter((name) => /^AWS_(ACCESS|SECRET)/.test(name))).toEqual([]);
    // The keeper had found them before it started the task: it asks for an outcome that stands.
    expect(server.seen).toContainEqual({ operation: "GetObject", key: `p/jobs/${job.id}/OUTCOME.json` });
    expect(end.artifacts).toMatchObject([{ name: "one.txt", bytes: 1 }]);
  });
});
