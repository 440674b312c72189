/** Takes figures of one system after the other, in rounds: what drifts on the machine then hits all of them. */
import { closedLoop } from "../../support/closed-loop.ts";
import { HttpCaller } from "../../support/http-caller.ts";
import { median } from "../../support/latency-record.ts";
import { cpuMs } from "../../support/process-cpu.ts";
import type { System } from "./systems.ts";

/** Of the time of one load. Each of three replicas gets a third of the requests, and is warm three times as late. */
const WARM = 4;

export interface Figures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  readonly failed: number;
  /** CPU time of a request, µs; NaN without Redis. */
  readonly redisUs: number;
  readonly redisCommands: number;
  readonly apiUs: number;
  readonly workersUs: number;
}

export interface Comparison {
  /** The median of the rounds. */
  of(system: System, inFlight: number): Figures;
}

export async function compare(options: {
  readonly systems: readonly System[];
  readonly inFlight: readonly number[];
  readonly rounds: number;
  /** Of each load. */
  readonly seconds: number;
  readonly say: (line: string) => void;
}): Promise<Comparison> {
  const { systems, inFlight, rounds, seconds, say } = options;
  const all = new Map<string, Figures[]>();
  const keyOf = (system: System, load: number): string => `${load} ${system.name}`;
  for (let round = 1; round <= rounds; round += 1) {
    for (const system of systems) {
      const measured = await measure(system, inFlight, seconds);
      for (const [load, figures] of measured) {
        const key = keyOf(system, load);
        all.set(key, [...(all.get(key) ?? []), figures]);
      }
      const told = measured.map(([load, one]) => `${load}: ${one.perSecond.toFixed(0)}/s p50 ${one.p50Ms.toFixed(2)}`);
      say(`round ${round}, ${system.name.padEnd(36)} ${told.join("   ")}`);
    }
  }
  return { of: (system, load) => medianOf(all.get(keyOf(system, load)) ?? []) };
}

async function measure(
  system: System,
  loads: readonly number[],
  seconds: number,
): Promise<readonly (readonly [number, Figures])[]> {
  const running = await system.start();
  const caller = new HttpCaller(running.port);
  const { request } = running;
  try {
    await closedLoop({ caller, request, inFlight: 64, seconds: seconds * WARM }); // The code of each is compiled by then.
    const measured: [number, Figures][] = [];
    for (const inFlight of loads) {
      const before = { redis: await running.redis(), api: cpuMs(running.apiPids), workers: cpuMs(running.workerPids) };
      const { requests, perSecond, latency, failures } = await closedLoop({ caller, request, inFlight, seconds });
      const redis = await running.redis();
      const each = (after: number, first: number, scale: number): number => ((after - first) * scale) / requests;
      measured.push([
        inFlight,
        {
          perSecond,
          p50Ms: latency.p50,
          p90Ms: latency.p90,
          p99Ms: latency.p99,
          p999Ms: latency.p999,
          maxMs: latency.max,
          failed: Object.values(failures).reduce((sum, count) => sum + count, 0),
          redisUs: each(redis?.cpuMs ?? Number.NaN, before.redis?.cpuMs ?? Number.NaN, 1_000),
          redisCommands: each(redis?.commands ?? Number.NaN, before.redis?.commands ?? Number.NaN, 1),
          apiUs: each(cpuMs(running.apiPids), before.api, 1_000),
          workersUs: each(cpuMs(running.workerPids), before.workers, 1_000),
        },
      ]);
    }
    return measured;
  } finally {
    caller.close();
    await running.stop();
  }
}

function medianOf(rounds: readonly Figures[]): Figures {
  const of = (pick: (figures: Figures) => number): number => median(rounds.map(pick));
  return {
    perSecond: of((one) => one.perSecond),
    p50Ms: of((one) => one.p50Ms),
    p90Ms: of((one) => one.p90Ms),
    p99Ms: of((one) => one.p99Ms),
    p999Ms: of((one) => one.p999Ms),
    maxMs: Math.max(...rounds.map((one) => one.maxMs)),
    failed: rounds.reduce((sum, { failed }) => sum + failed, 0),
    redisUs: of((one) => one.redisUs),
    redisCommands: of((one) => one.redisCommands),
    apiUs: of((one) => one.apiUs),
    workersUs: of((one) => one.workersUs),
  };
}
