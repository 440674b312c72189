/** Who looks after the fleet: one at a time, and an API process when there is one. */
import { describe, expect } from "vitest";
import { Caretaker, FleetWatch } from "../../src/fleet/fleet.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import type { BatchBench } from "../support/batch-bench.ts";
import { it } from "../support/batch-test.ts";

describe("the caretaker's seat", () => {
  it("M1: is one's at a time, and the next one's when it is left", async ({ batch }) => {
    const [first, second] = [sitter(batch, "api:a"), sitter(batch, "api:b")];
    for (let round = 0; round < 10; round += 1) await both(first, second);
    expect([first.told, second.told]).toEqual([2, 0]);
    await first.caretaker.stop();
    for (let round = 0; round < 5; round += 1) await second.caretaker.round();
    expect(second.told).toBe(1);
  });

  it("M6: an API process, which tells and clears the store, takes it from an agent, which does not", async ({
    batch,
  }) => {
    const [agent, api] = [sitter(batch, "agent:w1"), sitter(batch, "api:a")];
    await agent.caretaker.round(); // No API was there.
    for (let round = 0; round < 5; round += 1) await both(agent, api);
    expect([agent.told, api.told]).toEqual([0, 1]);
    expect(await batch.redis.get(batch.keys.caretaker)).toBe("api:a");
  });
});

/** Two that look in turn. */
async function both(...sitters: readonly { readonly caretaker: Caretaker }[]): Promise<void> {
  for (const { caretaker } of sitters) await caretaker.round();
}

function sitter({ redis, keys, caretaker: batch }: BatchBench, who: string) {
  const clock = systemClock;
  const watch = new FleetWatch({ redis, keys, clock, onError: () => undefined });
  const writes = { told: 0 };
  const tell = (): Promise<void> => {
    writes.told += 1;
    return Promise.resolve();
  };
  const ofStore = who.startsWith("api:") ? tell : null;
  const caretaker = new Caretaker({
    ...{ redis, keys, clock, watch, batch, who, redisNowMs: Date.now },
    ...{ settleGeneration: () => Promise.resolve(), retain: ofStore, writeMarks: ofStore },
    logger: createLogger({ level: "silent", process: "test" }),
  });
  return {
    caretaker,
    get told() {
      return writes.told;
    },
  };
}
