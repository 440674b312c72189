/** How a process tells that Redis is away. */
import { expect, test } from "vitest";
import { RedisOutage } from "../../src/redis/outage.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { eventually } from "../support/eventually.ts";

const AWAY = new Error("Stream isn't writeable and enableOfflineQueue options is false");

test("RO1: one line when it goes and one when it is back, however much fails meanwhile", async () => {
  const told: unknown[][] = [];
  const logger = createLogger({ level: "silent", process: "test" });
  logger.warn = (...entry: unknown[]) => void told.push(entry);
  let answers = false;
  const ping = (): Promise<"PONG"> => (answers ? Promise.resolve("PONG") : Promise.reject(AWAY));
  const outage = new RedisOutage();
  expect(outage.absorbs(AWAY)).toBe(false); // Nobody would tell it.
  outage.watch({ url: "redis://:secret@127.0.0.1:1", client: { ping }, clock: systemClock, logger });
  for (let n = 0; n < 50; n += 1) expect(outage.absorbs(AWAY)).toBe(true);
  expect(outage.absorbs(new Error("a bug"))).toBe(false);
  expect(told).toEqual([
    [{ redis: "redis://…@127.0.0.1:1", why: AWAY.message }, expect.stringContaining("Redis does not answer")],
  ]);
  answers = true;
  const [, back] = await eventually("it is said that Redis answers", () => (told.length > 1 ? told : null));
  expect(back).toEqual([expect.objectContaining({ failed: 50 }), "Redis answers again"]);
  expect(outage.absorbs(AWAY)).toBe(true);
  expect(told).toHaveLength(3);
});

test("RO1: one that answers, and takes nothing, is not back", async () => {
  const told: unknown[] = [];
  const logger = createLogger({ level: "silent", process: "test" });
  logger.warn = (...entry: unknown[]) => void told.push(entry.at(-1));
  const clock = { ...systemClock, now: 0, monotonicMs: () => clock.now };
  let asked = 0;
  const outage = new RedisOutage();
  const ping = (): Promise<"PONG"> => {
    asked += 1;
    clock.now += 500;
    if (asked < 5) outage.absorbs(new Error("OOM command not allowed when used memory > 'maxmemory'."));
    return Promise.resolve("PONG");
  };
  outage.watch({ url: "redis://127.0.0.1:1", client: { ping }, clock, logger });
  outage.absorbs(new Error("OOM command not allowed when used memory > 'maxmemory'."));
  await eventually("it is said that Redis answers", () => told.includes("Redis answers again"));
  expect(told).toHaveLength(2);
  expect(asked).toBeGreaterThanOrEqual(7);
});
