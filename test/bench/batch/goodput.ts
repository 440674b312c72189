/**
 * Jobs on workers that are killed at random (exponential times of mean M), each checkpoint costing 0.2 s: which share
 * of their time was work whose result they kept. Beside jobs at the interval that Cairn chooses run some at fixed ones,
 * on the same workers, under the same kills.
 *
 * The bound is Daly's exact model, goodput = τ / (M · e^((R+D)/M) · (e^((τ+C)/M) − 1)), at its best τ.
 */
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Job } from "../../../src/contract/job.ts";
import { onBatchStage, type BatchStage } from "../../support/batch-stage.ts";
import { atLeast, countAtMost, type Scenario } from "../../support/scenario.ts";

const ROOT = import.meta.url.includes("/dist/test/") ? "../../../../" : "../../../";
const TASKS = fileURLToPath(new URL(`${ROOT}test/support/toil-tasks.mjs`, import.meta.url));
const WORKERS = 8;
const SAVE_S = 0.2;
const FIXED_MS = [1_000, 30_000];

/** @param mtbfS mean time between the kills of a worker, s @param expected least share of useful time */
export function goodput(mtbfS: number, expected: number): Scenario {
  return onBatchStage({
    name: `goodput-${mtbfS}`,
    title: `${WORKERS} workers, each killed with SIGKILL every ${mtbfS} s on average; a checkpoint costs ${SAVE_S} s`,
    stage: { workers: WORKERS, settings: { CAIRN_TASKS: TASKS, CAIRN_BATCH_SLOTS: "2" } },
    play: async (stage) => {
      const workMs = stage.amount(Math.min(300, Math.max(150, mtbfS)), 15) * 1_000;
      const submit = async (intervalMs: "auto" | number): Promise<string> => {
        const input = { workMs, stepMs: 20, saveMs: SAVE_S * 1_000 };
        const { job } = await stage.fleet.client.submit({ task: "toil", input, checkpoint: { intervalMs } });
        return job.id;
      };
      const chosen = await Promise.all(Array.from({ length: WORKERS }, () => submit("auto")));
      const fixed = await Promise.all(FIXED_MS.map((ms) => Promise.all([1, 2, 3].map(() => submit(ms)))));
      const stop = new AbortController();
      const killing = Array.from({ length: WORKERS }, (_, n) =>
        killNowAndThen(stage, `w${n + 1}`, stage.amount(mtbfS, 15) * 1_000, stop.signal),
      );
      const ended = await endings(stage, chosen, workMs);
      const endedFixed = await Promise.all(fixed.map((ids) => endings(stage, ids, workMs)));
      stop.abort();
      const kills = (await Promise.all(killing)).reduce((sum, one) => sum + one, 0);
      const share = shareOf(ended, workMs);
      const lost = await lossesOf(stage, chosen);
      return {
        measured: {
          "kills of workers": kills,
          "attempts a job": ended.reduce((sum, job) => sum + job.attempts, 0) / ended.length,
          "losses of these jobs / expected": `${lost.number} / ${(elapsedOf(ended) / mtbfS / 1_000).toFixed(1)}`,
          "redone for a loss, mean, s": lost.redoneMs / 1_000 / Math.max(1, lost.number),
          "goodput at the interval chosen": share,
          ...Object.fromEntries(
            FIXED_MS.map((ms, n) => [`goodput at a fixed ${ms / 1_000} s`, shareOf(endedFixed[n] ?? [], workMs)]),
          ),
          "bound of the exact model, R = D = 0": bestOf(mtbfS, SAVE_S, 0),
          "the same with 5 s from loss to work": bestOf(mtbfS, SAVE_S, 5),
          "the same at the losses there were": bestOf(elapsedOf(ended) / 1_000 / Math.max(1, lost.number), SAVE_S, 5),
          "interval at the end, s": ended
            .map((job) => ((job.checkpointInterval?.ms ?? 0) / 1_000).toFixed(1))
            .join(" "),
          ...partsOf(ended),
        },
        expectations: [
          countAtMost("jobs lost", ended.filter(({ state }) => state !== "succeeded").length, 0),
          atLeast("goodput at the interval chosen", share, expected, ""),
        ],
      };
    },
  });
}

/** Kills the worker in this place again and again. @returns how often */
async function killNowAndThen(stage: BatchStage, place: string, meanMs: number, signal: AbortSignal): Promise<number> {
  let worker = place;
  let kills = 0;
  for (;;) {
    const pauseMs = -Math.log(1 - stage.random()) * meanMs;
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return kills;
    await stage.fleet.signal(worker, "SIGKILL");
    kills += 1;
    worker = await stage.replace(worker);
  }
}

async function endings(stage: BatchStage, ids: readonly string[], workMs: number): Promise<Job[]> {
  const isOver = ({ state }: Job): boolean => state === "succeeded" || state === "failed";
  return Promise.all(ids.map((id) => stage.fleet.job(id, "ends", isOver, 10 * workMs)));
}

function shareOf(jobs: readonly Job[], workMs: number): number {
  return (jobs.length * workMs) / elapsedOf(jobs);
}

/** Of all jobs together, ms. */
function elapsedOf(jobs: readonly Job[]): number {
  const elapsed = jobs.map(({ startedAt, finishedAt }) => Date.parse(finishedAt ?? "") - Date.parse(startedAt ?? ""));
  return elapsed.reduce((sum, ms) => sum + ms, 0);
}

/** How many attempts of these jobs were lost, and what of their work had to be done again. */
async function lossesOf(stage: BatchStage, ids: readonly string[]): Promise<{ number: number; redoneMs: number }> {
  const attempts = (await Promise.all(ids.map((id) => stage.fleet.attempts(id)))).flat();
  const lost = attempts.filter(({ outcome }) => outcome === "lost");
  return { number: lost.length, redoneMs: lost.reduce((sum, { goodput: parts }) => sum + (parts?.redoneMs ?? 0), 0) };
}

/** The same as Cairn tells it, by cause. */
function partsOf(jobs: readonly Job[]): Record<string, number> {
  const parts = ["usefulMs", "checkpointMs", "restoreMs", "redoneMs", "detectMs", "queuedMs"] as const;
  const sums = parts.map((part) => jobs.reduce((sum, job) => sum + (job.goodput?.[part] ?? 0), 0));
  const whole = sums.reduce((sum, ms) => sum + ms, 0);
  return Object.fromEntries(parts.map((part, n) => [`${part.slice(0, -2)}, share`, (sums[n] ?? 0) / whole]));
}

function bestOf(mtbf: number, cost: number, downtime: number): number {
  const at = (interval: number): number =>
    interval / (mtbf * Math.exp(downtime / mtbf) * (Math.exp((interval + cost) / mtbf) - 1));
  let best = 0;
  for (let interval = 0.1; interval < mtbf; interval += 0.1) best = Math.max(best, at(interval));
  return best;
}
