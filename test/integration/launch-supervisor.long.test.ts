import { Redis } from "ioredis";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { LocalSystem } from "../support/launch/local-system.ts";
import type { LocalSystemOptions } from "../support/launch/local-system.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "cairn-launch-"));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function launch(options: LocalSystemOptions): LocalSystem {
  const system = new LocalSystem(options);
  cleanups.push(() => system.dispose());
  return system;
}

async function up(options: Omit<LocalSystemOptions, "dataDir"> = {}): Promise<LocalSystem> {
  const system = launch({ dataDir: folder(), ...options });
  await system.untilUp();
  return system;
}

function workersIn(system: LocalSystem): string[] {
  return system
    .events()
    .filter(({ event }) => event === "started")
    .map(({ name }) => name);
}

async function redisPid(url: string): Promise<number> {
  const client = new Redis(url, { maxRetriesPerRequest: 1, retryStrategy: null });
  client.on("error", () => undefined);
  try {
    return Number(/process_id:(\d+)/.exec(await client.info("server"))?.[1]);
  } finally {
    client.disconnect();
  }
}

async function gone(system: LocalSystem): Promise<void> {
  await eventually("nothing of it runs any more", () => system.left().length === 0);
}

describe("the local supervisor", () => {
  it("brings up Redis, the API and three workers, and says how to use them", async () => {
    const system = await up();
    const names = workersIn(system);
    expect(names).toHaveLength(3);
    for (const name of names) expect(system.out).toContain(name);
    expect(system.out).toContain(`curl -s ${system.url}/v1/tasks/echo/invoke`);
    expect(system.out).toContain(`curl -s ${system.url}/v1/jobs`);
    expect((await fetch(system.url)).status).toBe(200);
    expect(system.events()[0]?.redis).toBe(system.redisUrl);
    expect(system.redisUrl).not.toContain(":6379");
    await expect(redisPid(system.redisUrl)).resolves.toBeGreaterThan(0);
  });

  it("stops workers, then the API, then Redis, after one SIGTERM, and ends well", async () => {
    const system = await up();
    system.signal("SIGTERM");
    expect(await system.exit()).toBe(0);
    const order = system.events().flatMap(({ name, event }) => (event === "SIGTERM" ? [name] : []));
    expect(order).toHaveLength(4);
    expect(order[3]).toBe("api");
    expect(system.left()).toEqual([]);
  });

  it("replaces a worker that was killed by one with a new id", async () => {
    const system = await up();
    const [victim] = system.events();
    process.kill(victim!.pid, "SIGKILL");
    await eventually("a fourth worker", () => workersIn(system).length === 4);
    expect(new Set(workersIn(system)).size).toBe(4);
    expect(system.err).toContain(`${victim!.name} ended (SIGKILL)`);
    system.remember();
  });

  it("starts an API that was killed again on the same port", async () => {
    const system = await up();
    const before = await (await fetch(system.url)).text();
    process.kill(Number(before), "SIGKILL");
    await eventually("another API process answers", async () => {
      const answer = await fetch(system.url).then(
        (response) => response.text(),
        () => before,
      );
      return answer !== before;
    });
    system.remember();
  });

  it("starts a Redis that was killed again on the same port and data", async () => {
    const system = await up();
    const client = new Redis(system.redisUrl);
    client.on("error", () => undefined);
    cleanups.push(() => client.disconnect());
    await client.config("SET", "appendfsync", "always");
    await client.set("kept", "yes");
    const before = await redisPid(system.redisUrl);
    process.kill(before, "SIGKILL");
    const after = await eventually("another Redis", () => redisPid(system.redisUrl).catch(() => undefined));
    expect(after).not.toBe(before);
    expect(await client.get("kept")).toBe("yes");
    system.remember();
  });

  it("takes another port, and says so, when the wanted one is taken", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => new Promise<void>((resolve) => other.close(() => resolve())));
    const address = other.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const system = await up({ port });
    expect(system.err).toContain(`Port ${port} is taken`);
    expect(system.url).not.toContain(`:${port}`);
  });

  it("refuses a second start on the same data, naming the first", async () => {
    const dataDir = folder();
    const first = launch({ dataDir });
    await first.untilUp();
    const second = launch({ dataDir });
    expect(await second.exit()).toBe(1);
    expect(second.err).toContain(`process ${first.pid}`);
    expect(second.err).toContain(first.url);
  });

  it("shows warnings of its children in a readable form, and keeps everything in their logs", async () => {
    const system = await up();
    await eventually("the warning", () => system.err.includes("WARN the disk is slow job=j1"), {
      withinMs: 120_000,
    });
    expect(system.err).not.toContain("not worth a line");
    const dataDir = /Logs {5}(\S+)/.exec(system.out)?.[1] ?? "";
    expect(readFileSync(join(dataDir, "worker-1.log"), "utf8")).toContain("not worth a line");
  });

  it("gives up, with the reason, when its children do not start at all", async () => {
    const standIn = join(import.meta.dirname, "../support/launch/stand-in.mjs");
    const system = launch({ dataDir: folder(), worker: [standIn, "broken"] });
    expect(await system.exit()).toBe(1);
    expect(system.err).toContain("This cannot work: no such flag.");
    expect(system.err).toContain("does not start. Its log:");
  });
});

describe("stopping the local supervisor", () => {
  it("counts equal signals within 250 ms once, and hurries after the second", async () => {
    const system = await up({ drain: "when_told_twice" });
    const told = (): number => system.events().filter(({ event }) => event === "SIGTERM").length;
    system.signal("SIGINT");
    system.signal("SIGINT");
    await eventually("all workers are told to stop", () => told() === 3);
    await delay(400); // A wait for nothing to happen, and past the 250 ms.
    expect(told()).toBe(3);
    system.signal("SIGINT");
    expect(await system.exit()).toBe(0);
  });

  it("ends at once after the third, and the guard ends what is left", async () => {
    const system = await up({ drain: "when_told_twice" });
    // Frozen: neither the first nor the second SIGTERM does anything.
    for (const { pid } of system.events()) process.kill(pid, "SIGSTOP");
    for (const word of ["stopping", "hurrying", "ending at once"]) {
      system.signal("SIGINT");
      await eventually(word, () => system.err.includes(word));
      if (word !== "ending at once") await delay(300); // Equal signals within 250 ms count once.
    }
    expect(await system.exit()).toBe(130);
    await gone(system);
  });
});

describe("the guard", () => {
  it("ends everything after SIGKILL of the supervisor, what is deaf or frozen too", async () => {
    const system = await up({ drain: "when_told_twice" });
    const [frozen] = system.events();
    process.kill(frozen!.pid, "SIGSTOP");
    system.signal("SIGKILL");
    await gone(system);
  });

  it("ends everything after SIGKILL of the whole process group", async () => {
    const system = await up();
    system.signalGroup("SIGKILL");
    await gone(system);
    // Those that could have been asked first.
    expect(system.events().filter(({ event }) => event === "SIGTERM")).toHaveLength(4);
  });

  it("ends what was left behind by a worker that was killed earlier", async () => {
    const system = await up();
    const [victim] = system.events();
    process.kill(victim!.pid, "SIGKILL");
    await eventually("a fourth worker", () => workersIn(system).length === 4);
    system.remember();
    expect(system.left().map(({ pid }) => pid)).toContain(victim!.runner);
    system.signal("SIGKILL");
    await gone(system);
  });

  it("is replaced when it is killed itself", async () => {
    const system = await up();
    const first = system.guardPid;
    process.kill(first, "SIGKILL");
    await eventually("another guard", () => system.guardPid !== first);
    system.signalGroup("SIGKILL");
    await gone(system);
  });

  it("lets a start that follows at once wait, and that one has the data", async () => {
    const dataDir = folder();
    const first = launch({ dataDir, drain: "when_told_twice" });
    await first.untilUp();
    const client = new Redis(first.redisUrl);
    client.on("error", () => undefined);
    await client.config("SET", "appendfsync", "always");
    await client.set("kept", "yes");
    client.disconnect();
    first.signalGroup("SIGKILL");

    const second = launch({ dataDir });
    await second.untilUp();
    expect(second.err).toContain("The former run was killed");
    expect(first.left()).toEqual([]);
    const again = new Redis(second.redisUrl);
    cleanups.push(() => again.disconnect());
    expect(await again.get("kept")).toBe("yes");
  });

  it("ends everything after SIGKILL of npm alone", async () => {
    const system = await up({ underNpm: true, drain: "when_told_twice" });
    system.signal("SIGKILL");
    await gone(system);
    expect(system.err).toContain("npm is gone");
  });
});
