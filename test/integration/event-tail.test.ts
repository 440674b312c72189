import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closeRedis, connectRedis, whenReady, type RedisClient } from "../../src/redis/connection.ts";
import { EventTail } from "../../src/redis/event-tail.ts";
import { createKeys } from "../../src/redis/keys.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

const keys = createKeys("tail");

describe("event tail", () => {
  let server: TestRedis;
  let writer: RedisClient;
  let reader: RedisClient;
  let tail: EventTail;

  beforeAll(async () => {
    server = await startRedis();
    writer = connectRedis(server.url, { kind: "command", commandTimeoutMs: 2_000 }, "test");
    await whenReady(writer, server.url, 5_000);
    reader = connectRedis(server.url, { kind: "blocking" }, "tail");
    tail = new EventTail({ redis: reader, keys, clock: systemClock, onError: () => undefined });
    await tail.start();
  });

  afterAll(async () => {
    await tail.stop();
    closeRedis(reader);
    closeRedis(writer);
    await server.stop();
  });

  /** Watches `job` and waits for a wake after `act`. The wake that ends the start-up gap may be the one. */
  async function wokenBy(job: string, act: () => Promise<unknown>): Promise<void> {
    let end: (() => void) | undefined;
    try {
      const woken = new Promise<void>((resolve) => {
        end = tail.watch(job, resolve);
      });
      await act();
      await woken;
    } finally {
      end?.();
    }
  }

  const happen = async (job: string): Promise<unknown> => await writer.xadd(keys.events, "*", "job", job, "id", "1-1");

  it("wakes those who watch the job, and nobody else", async () => {
    await wokenBy("a", async () => await happen("a"));
    let others = 0;
    const end = tail.watch("b", () => others++);
    await wokenBy("a", async () => await happen("a"));
    end();
    expect(others).toBe(0);
  });

  it("N2 wakes everybody after Redis was killed and came back", async () => {
    await wokenBy("c", async () => {
      await server.kill();
      await server.restart();
    });
    await whenReady(writer, server.url, 5_000);
    await wokenBy("c", async () => await happen("c"));
  });

  it("N3 leaves a mute connection by itself and wakes everybody", async () => {
    await wokenBy("d", async () => await happen("d"));
    const before = await connectionId(writer);
    await wokenBy("d", async () => {
      server.pause();
      await systemClock.sleep(3_500);
      server.resume();
    });
    expect(await connectionId(writer)).not.toBe(before);
    await wokenBy("d", async () => await happen("d"));
  });

  it("forgets a watcher that has left", () => {
    const end = tail.watch("e", () => undefined);
    expect(tail.watched).toBe(1);
    end();
    end();
    expect(tail.watched).toBe(0);
  });
});

async function connectionId(client: RedisClient): Promise<string | undefined> {
  const list = String(await client.call("CLIENT", "LIST"));
  return /^id=(\d+) .*name=cairn:tail /m.exec(list)?.[1];
}
