import { atLeast, atMost, countAtMost, type Expectation, type Scenario } from "../../support/scenario.ts";
import { compare, type Comparison, type Figures } from "./measure.ts";
import { BEE, BULLMQ, CAIRN, FASTIFY, PROXY, type System } from "./systems.ts";

const SYSTEMS = [CAIRN, ...BULLMQ, BEE, PROXY, FASTIFY];

/** DESIGN, part 11, rows 1 to 3. */
export const besidePeers: Scenario = {
  name: "beside-peers",
  title: "invoke through HTTP, one API process, three replicas; beside what one would use instead, in turns",
  run: async ({ short, say }) => {
    const loads = short ? [1, 64] : [1, 16, 64, 256];
    const comparison = await compare({
      ...{ systems: SYSTEMS, inFlight: loads, rounds: short ? 1 : 3, seconds: short ? 1 : 2, say },
    });
    return { measured: tableOf(comparison, loads), expectations: expectationsOf(comparison) };
  },
};

function tableOf(comparison: Comparison, loads: readonly number[]): Record<string, string> {
  const rows: Record<string, string> = {};
  for (const load of loads) {
    for (const system of SYSTEMS) rows[`${load} in flight, ${system.name}`] = lineOf(comparison.of(system, load));
  }
  return rows;
}

function lineOf(figures: Figures): string {
  const { perSecond, p50Ms, p90Ms, p99Ms, p999Ms, maxMs, redisUs, redisCommands, apiUs, workersUs } = figures;
  const latencies = [p50Ms, p90Ms, p99Ms, p999Ms, maxMs].map((ms) => ms.toFixed(2)).join(" / ");
  const redis = Number.isNaN(redisUs) ? "none" : `${redisUs.toFixed(0)} (${redisCommands.toFixed(2)} commands)`;
  return `${perSecond.toFixed(0)}/s; ${latencies} ms; CPU µs: API ${apiUs.toFixed(0)}, workers ${workersUs.toFixed(0)}, Redis ${redis}`;
}

function expectationsOf(comparison: Comparison): Expectation[] {
  const idle = (system: System): Figures => comparison.of(system, 1);
  const busy = (system: System): Figures => comparison.of(system, 64);
  const bullmqIdle = Math.min(...BULLMQ.map((one) => idle(one).p50Ms));
  // The best of its settings is what counts.
  const bullmqBusy = BULLMQ.map(busy).reduce((best, one) => (one.perSecond > best.perSecond ? one : best));
  const cairn = busy(CAIRN);
  return [
    countAtMost("failed", idle(CAIRN).failed + cairn.failed, 0),
    atMost("idle p50, of Express + BullMQ", idle(CAIRN).p50Ms / bullmqIdle, 0.5, "×"),
    atMost("idle p50, of the proxy", idle(CAIRN).p50Ms / idle(PROXY).p50Ms, 1.2, "×"),
    atLeast("64 in flight, of Express + BullMQ", cairn.perSecond / bullmqBusy.perSecond, 5, "×"),
    atLeast("64 in flight, of the proxy", cairn.perSecond / busy(PROXY).perSecond, 2.5, "×"),
    atMost("p99 at 64 in flight, of Express + BullMQ", cairn.p99Ms / bullmqBusy.p99Ms, 1, "×"),
    atMost("p99 at 64 in flight, of the proxy", cairn.p99Ms / busy(PROXY).p99Ms, 1, "×"),
    atMost("Redis CPU of a request at 64 in flight", cairn.redisUs, 20, "µs"),
  ];
}
