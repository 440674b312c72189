import type { Attempt, Job } from "../../../src/contract/job.ts";
import { isFinal } from "../../../src/domain/job-state.ts";
import { onBatchStage, type BatchStage } from "../../support/batch-stage.ts";
import { atMost } from "../../support/scenario.ts";
import { quantileOf } from "../../support/quantile.ts";

/** The loss of an attempt, as it was seen from outside. */
interface Loss {
  /** Of the attempt that was lost. */
  readonly number: number;
  readonly beganMs: number;
  /** From the signal to a new step, ms. */
  readonly resumedMs: number;
}

/** DESIGN, part 11, rows 10 and 11: from the loss of a worker to the first new step elsewhere. */
export const resume = onBatchStage({
  name: "resume",
  title: "the worker of a job is killed, or frozen, again and again: how long until a new step is done elsewhere",
  play: async (stage) => {
    const { fleet } = stage;
    const [id = ""] = await stage.count(1, { steps: 1_000_000, stepMs: 20 });
    const losses: Loss[] = [];
    let keptSeq = 0;
    for (let n = 0; n < stage.amount(30, 4); n += 1) {
      // Each attempt makes a checkpoint of its own: a job under which workers die in a row without one is to blame.
      const before = await fleet.job(id, "runs with a new checkpoint", (job) => isUnderWay(job, keptSeq));
      keptSeq = before.checkpoint?.seq ?? 0;
      losses.push(await lose(stage, before, n % 3 === 2 ? "SIGSTOP" : "SIGKILL"));
    }
    await fleet.client.cancel(id);
    await fleet.job(id, "is cancelled", ({ state }) => isFinal(state));
    const attempts = await fleet.attempts(id);
    const each = (of: (loss: Loss, lost: Attempt, next: Attempt) => number): number[] =>
      losses.flatMap((loss) => {
        const [lost, next] = [loss.number, loss.number + 1].map((number) =>
          attempts.find((one) => one.number === number),
        );
        return lost === undefined || next === undefined ? [] : [of(loss, lost, next)];
      });
    const noticed = each(({ beganMs }, lost) => at(lost.endedAt) - beganMs);
    const resumed = each(({ resumedMs }) => resumedMs);
    return {
      measured: {
        losses: losses.length,
        "noticed after p50 / max, ms": told(noticed),
        "then leased elsewhere after p50 / max, ms": told(
          each((_, lost, next) => at(next.startedAt) - at(lost.endedAt)),
        ),
        "then restored after p50 / max, ms": told(each((_loss, _lost, next) => next.goodput?.restoreMs ?? NaN)),
        "new step after p50 / max, ms": told(resumed),
      },
      expectations: [
        atMost("noticed, max", quantileOf(noticed, 1), 5_000),
        atMost("new step elsewhere, p50", quantileOf(resumed, 0.5), 5_000),
        atMost("new step elsewhere, p99", quantileOf(resumed, 0.99), 10_000),
      ],
    };
  },
});

function isUnderWay({ state, checkpoint }: Job, keptSeq: number): boolean {
  if (isFinal(state)) throw new Error(`the job is ${state}`);
  return state === "running" && (checkpoint?.seq ?? 0) > keptSeq;
}

/** Loses the worker under a job, and puts another one in its place. */
async function lose(stage: BatchStage, before: Job, signal: "SIGKILL" | "SIGSTOP"): Promise<Loss> {
  const { fleet, say } = stage;
  const worker = before.worker ?? "";
  const beganMs = Date.now();
  await fleet.signal(worker, signal);
  const goesOn = ({ state, attempts, progress, checkpoint }: Job): boolean => {
    if (isFinal(state)) throw new Error(`the job is ${state}`);
    const isNew = state === "running" && attempts > before.attempts;
    return isNew && (progress?.completed ?? 0) > (checkpoint?.progress ?? 0);
  };
  await fleet.job(before.id, "goes on elsewhere", goesOn);
  const resumedMs = Date.now() - beganMs;
  await fleet.signal(worker, "SIGKILL"); // A frozen one would still be there.
  stage.respawn(worker);
  say(`${signal}: a new step after ${resumedMs} ms`);
  return { number: before.attempts, beganMs, resumedMs };
}

const at = (time: string | null): number => Date.parse(time ?? "");
const told = (all: readonly number[]): string => `${quantileOf(all, 0.5)} / ${quantileOf(all, 1)}`;
