/** Online requests while workers, replicas and API processes are killed: each is answered. */
import { afterEach, describe, expect, it } from "vitest";
import { CairnClient } from "../../src/client/client.ts";
import { Fleet } from "../support/fleet.ts";
import { openLoop, quantile, type LoadResult } from "../support/open-loop.ts";

const SECONDS = Number(process.env["CHAOS_SECONDS"] ?? 20);
const PER_SECOND = 50;

describe("echo at fifty a second", { timeout: 300_000 }, () => {
  let fleet: Fleet | null = null;
  afterEach(async () => {
    await fleet?.stop();
    fleet = null;
  });

  const report = (name: string, result: LoadResult): void => {
    const [p50, p99, max] = [0.5, 0.99, 1].map((share) => quantile(result.latenciesMs, share).toFixed(1));
    console.log(`${name}: ${result.answered} of ${result.sent}, p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`);
  };
  /** One try each: what the service does not answer, the client must not paper over. */
  const asker = (url: string) => {
    const client = new CairnClient({ url, maxTries: 1 });
    return (n: number) => client.invoke("echo", { n });
  };

  it("is answered while one worker is killed and another one leaves", async () => {
    fleet = await Fleet.start({ workers: 3 });
    const running = fleet;
    const { pids } = await running.worker("w2");
    const result = await openLoop({
      perSecond: PER_SECOND,
      seconds: SECONDS,
      send: asker(running.client.url),
      events: [
        { atSecond: SECONDS / 4, run: () => running.signal("w1", "SIGKILL") },
        { atSecond: SECONDS / 2, run: () => process.kill(pids.agent, "SIGTERM") },
      ],
    });
    report("one worker killed, one leaves", result);
    expect(result.failures).toEqual({});
    expect(result.answered).toBe(SECONDS * PER_SECOND);
  });

  it("is answered while a replica alone is killed, and comes back", async () => {
    fleet = await Fleet.start({ workers: 2 });
    const running = fleet;
    const result = await openLoop({
      perSecond: PER_SECOND,
      seconds: SECONDS,
      send: asker(running.client.url),
      events: [{ atSecond: SECONDS / 4, run: () => running.signal("w1", "SIGKILL", "replicas") }],
    });
    report("a replica killed", result);
    expect(result.failures).toEqual({});
  });

  it("is answered while a replica freezes and thaws", async () => {
    fleet = await Fleet.start({ workers: 3 });
    const running = fleet;
    const result = await openLoop({
      perSecond: PER_SECOND,
      seconds: SECONDS,
      send: asker(running.client.url),
      events: [
        { atSecond: SECONDS / 4, run: () => running.signal("w1", "SIGSTOP", "replicas") },
        { atSecond: (SECONDS * 3) / 4, run: () => running.signal("w1", "SIGCONT", "replicas") },
      ],
    });
    report("a replica frozen", result);
    expect(result.failures).toEqual({});
  });

  it("is answered by one API process while the other one is killed", async () => {
    fleet = await Fleet.start({ workers: 2 });
    const running = fleet;
    const other = await running.addApi();
    const result = await openLoop({
      perSecond: PER_SECOND,
      seconds: SECONDS,
      send: asker(running.client.url),
      events: [{ atSecond: SECONDS / 4, run: () => other.child.kill("SIGKILL") }],
    });
    report("the other API process killed", result);
    expect(result.failures).toEqual({});
  });
});
