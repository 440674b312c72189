/** `cairn api`, `cairn worker`, `cairn dev`: processes around processes, which must come and go as one. */
import { mkdtempSync, rmSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CairnClient } from "../../src/client/client.ts";
import { identify } from "../../src/launch/process-identity.mjs";
import { runCairn, startCairn, type CairnOptions, type Running } from "../support/cairn-command.ts";
import { eventually } from "../support/eventually.ts";
import { countDigest } from "../support/fleet.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

let redis: TestRedis;
let folder: string;
let env: Record<string, string>;
const started: Running[] = [];

beforeEach(async () => {
  redis = await startRedis();
  folder = mkdtempSync(join(tmpdir(), "cairn-cli-"));
  env = { CAIRN_REDIS_URL: redis.url, CAIRN_DATA: folder, CAIRN_LOG_LEVEL: "info" };
});
afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill("SIGKILL");
    await ended;
  }
  await redis.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

function start(args: readonly string[], options: CairnOptions = {}): Running {
  const running = startCairn(args, { env, ...options });
  started.push(running);
  return running;
}

interface Ready {
  readonly pid: number;
  readonly url?: string;
}

/** Waits for the word of the process behind, as a supervisor does. */
async function ready({ child }: Running): Promise<Ready> {
  for (;;) {
    const [message] = (await once(child, "message")) as [{ kind?: string } & Ready];
    if (message.kind === "ready") return message;
  }
}

async function startApi(
  args: readonly string[] = [],
): Promise<{ readonly api: Running; readonly at: Ready; readonly client: CairnClient }> {
  const api = start(["api", "--port", "0", ...args], { channel: true });
  const at = await ready(api);
  return { api, at, client: new CairnClient({ url: at.url ?? "" }) };
}

const gone = async (pid: number): Promise<void> => {
  await eventually(`process ${pid} is gone`, () => identify(pid) === null);
};

describe("cairn api", () => {
  it("passes messages and signals on, notes its address, and ends with the code of the process behind it", async () => {
    const { api, at } = await startApi();
    expect(at.pid).not.toBe(api.child.pid);
    expect(await runCairn(["ls", "-o", "json"], { env })).toMatchObject({
      code: 0,
      out: '{"items":[],"nextCursor":null}\n',
    });
    api.child.kill("SIGTERM");
    expect(await api.ended).toMatchObject({ code: 0 });
    await gone(at.pid);
    const late = await runCairn(["ls"], { env });
    expect(late).toMatchObject({ code: 6, out: "" });
    expect(late.err).toContain("npm start");
  });

  it("takes the process behind it along when it is killed", async () => {
    const { api, at } = await startApi();
    api.child.kill("SIGKILL");
    await api.ended;
    await gone(at.pid);
  });

  it("ends with 2 when a setting cannot be used, and names it", async () => {
    const { code, out, err } = await runCairn(["api", "--port", "many"], { env });
    expect(code).toBe(2);
    expect(out + err).toContain("CAIRN_PORT");
  });

  it("may be away for a while under a watch, a wait and a followed log", async () => {
    const { api, at, client } = await startApi();
    const worker = start(["worker", "--id", "w1"], { channel: true });
    await ready(worker);
    const { job } = await client.submit({ task: "count", input: { steps: 60, stepMs: 100 } });
    const watching = start(["watch", job.id]);
    await eventually("the watch has seen it run", () => watching.err().includes("running"));
    api.child.kill("SIGKILL");
    await gone(at.pid);
    await startApi(["--port", new URL(at.url ?? "").port]);
    const { code, out } = await watching.ended;
    expect(code).toBe(0);
    expect(out).toContain("succeeded");
  });
});

describe("cairn worker", () => {
  it("drains at SIGTERM: its job is handed over at a checkpoint, and it ends with 0", async () => {
    const { client } = await startApi();
    const worker = start(["worker", "--id", "w1", "--zone", "a", "--labels", "disk=fast"], { channel: true });
    const at = await ready(worker);
    expect(await client.worker("w1")).toMatchObject({ zone: "a", labels: { disk: "fast" }, pids: { agent: at.pid } });
    const { job } = await client.submit({ task: "count", input: { steps: 40, stepMs: 100 } });
    await eventually("it runs", async () => (await client.job(job.id)).state === "running");
    worker.child.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0 });
    await gone(at.pid);
    expect(await client.job(job.id)).toMatchObject({ state: "queued" });
    const next = start(["worker", "--id", "w2"], { channel: true });
    await ready(next);
    expect(await client.wait(job.id)).toMatchObject({ state: "succeeded", output: { digest: countDigest(40) } });
  });

  it("BD5: gives back what was being granted to it when it was told to leave", async () => {
    const { client } = await startApi();
    const faulty = { ...env, CAIRN_FAULTS: "agent.lease-answer=freeze@1" };
    const worker = start(["worker", "--id", "w1"], { channel: true, env: faulty });
    const at = await ready(worker);
    const { job } = await client.submit({ task: "count", input: { steps: 40, stepMs: 20 } });
    await eventually("it is granted", async () => (await client.job(job.id)).state === "running");
    redis.pause(); // The attempt cannot begin before the worker has heard that it is to leave.
    process.kill(at.pid, "SIGTERM");
    process.kill(at.pid, "SIGCONT");
    await eventually("it lets go", () => worker.out().includes("worker lets go of its work"));
    redis.resume();
    expect(await worker.ended).toMatchObject({ code: 0 });
    expect(await client.job(job.id)).toMatchObject({ state: "queued", reason: "worker_draining" });
  });

  it("AG4: leaves soon while Redis is away, and tells that in a line and not in hundreds", async () => {
    const { client } = await startApi();
    // With time to drain that nobody could wait for here.
    const patient = { ...env, CAIRN_DRAIN_MS: "600000", CAIRN_STOP_GRACE_MS: "600000" };
    const worker = start(["worker"], { channel: true, env: patient });
    await ready(worker);
    const { job } = await client.submit({ task: "count", input: { steps: 300, stepMs: 20 } });
    await eventually("it runs with a checkpoint", async () => (await client.job(job.id)).checkpoint !== null);
    const said = (): string => `${worker.out()}${worker.err()}`;
    await redis.kill();
    await eventually("it says that Redis is away", () => said().includes("Redis does not answer"));
    worker.child.kill("SIGINT");
    expect(await worker.ended).toMatchObject({ code: 0 });
    expect(said().match(/Redis does not answer/g)).toHaveLength(1);
    expect(said()).not.toContain('"stack"');

    await redis.restart();
    await ready(start(["worker"], { channel: true }));
    expect(await client.wait(job.id)).toMatchObject({ state: "succeeded", output: { digest: countDigest(300) } });
  });

  it("takes the agent along when it is killed", async () => {
    const worker = start(["worker", "--id", "w1"], { channel: true });
    const at = await ready(worker);
    worker.child.kill("SIGKILL");
    await worker.ended;
    await gone(at.pid);
  });
});

describe("cairn dev", () => {
  it("runs a whole system; a worker that joins finds its Redis by itself; SIGTERM ends everything", async () => {
    const alone = { CAIRN_DATA: folder };
    const dev = start(["dev", "--port", "0", "--workers", "1"], { env: alone });
    await eventually("it serves", () => dev.out().includes("Cairn is up."), { withinMs: 60_000 });
    const joining = start(["worker", "--id", "extra"], { env: alone, channel: true });
    const at = await ready(joining);
    expect(joining.err()).toMatch(/^Redis: redis:\/\/127\.0\.0\.1:\d+, of the system that runs on /);
    const workers = await runCairn(["workers"], { env: alone });
    expect(workers.out).toMatch(/^extra +ready/m);
    expect(await runCairn(["doctor"], { env: alone })).toMatchObject({ code: 0 });
    expect(await runCairn(["dev"], { env: alone })).toMatchObject({ code: 1 });
    joining.child.kill("SIGINT");
    expect(await joining.ended).toMatchObject({ code: 0 });
    await gone(at.pid);
    dev.child.kill("SIGTERM");
    expect(await dev.ended).toMatchObject({ code: 0 });
  });
});
