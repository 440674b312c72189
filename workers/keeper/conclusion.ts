/**
 * From the verdict on an attempt to what is said to the agent.
 *
 * CN1 An outcome (a success, or a failure that ends the job) is written to the store, write-once, before the agent is
 *     told; and before that it is verified that the lease still holds. If another outcome stands, that one counts.
 * CN2 What was computed is not thrown away because Redis or the store is away for a while.
 */
import { type CheckpointStore, demandIdentity, settleOutcome, StoreFault } from "../../src/checkpoints/checkpoints.ts";
import { fenceText } from "../../src/domain/fence.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { FaultPoints } from "../../src/runtime/fault-points.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { AgentLink } from "./agent-link.ts";
import type { AttemptTraces } from "./attempt-traces.ts";
import type { PendingArtifacts } from "./artifacts.ts";
import type { Assignment, AttemptEnd, FailedEnd, HeldUp, Progress, SucceededEnd } from "./protocol.ts";
import { heldUpBy, orGivenUp, untilStored } from "./store-patience.ts";

/** What ended the computing. */
export type Verdict =
  | { readonly kind: "done"; readonly output: string; readonly progress: Progress | null }
  | FailedEnd
  | { readonly kind: "runner_lost"; readonly detail: string }
  /** It was asked to let go, and did, or its grace is over. */
  | { readonly kind: "let_go" }
  /** It cannot go on here: no room, no store, or not the checkpoint. Not the task's fault, and no sign against it either. */
  | { readonly kind: "held_up"; readonly why: HeldUp; readonly detail: string }
  /** An earlier attempt's outcome was found. */
  | { readonly kind: "adopted"; readonly end: SucceededEnd | FailedEnd }
  | { readonly kind: "abandoned" };

export interface ConclusionOptions {
  readonly assignment: Assignment;
  readonly store: CheckpointStore;
  readonly link: AgentLink;
  readonly clock: Clock;
  readonly faults: FaultPoints;
  readonly logger: Logger;
  readonly artifacts: PendingArtifacts;
  readonly traces: AttemptTraces;
  readonly signals: {
    /** Aborts when nothing may be published any more. */
    readonly life: AbortSignal;
    /** Aborts when the result is no longer wanted. */
    readonly result: AbortSignal;
  };
}

/** How long a finished result waits for its store (CN2). */
const RESULT_PATIENCE_MS = 600_000;
/** Pause before letting go for want of room or a store: it may well be this worker that takes the job again. */
const HELD_UP_MS = 2_000;

/** @returns what to tell the agent; null: nothing, the lease is gone */
export async function conclude(verdict: Verdict, options: ConclusionOptions): Promise<AttemptEnd | null> {
  const { clock, logger, signals } = options;
  switch (verdict.kind) {
    case "abandoned":
      return null;
    case "let_go":
      return { kind: "interrupted", why: null };
    case "held_up":
      logger.warn({ why: verdict.why, detail: verdict.detail }, "attempt lets go");
      await clock.sleep(HELD_UP_MS, signals.life);
      return { kind: "interrupted", why: verdict.why };
    case "adopted":
      return verdict.end;
    case "runner_lost":
      return verdict;
    case "done":
      return succeed(verdict, options);
    case "failed":
      return fail(verdict, options);
  }
}

async function succeed(
  { output, progress }: Extract<Verdict, { kind: "done" }>,
  options: ConclusionOptions,
): Promise<AttemptEnd | null> {
  const { link, clock, artifacts, logger, signals } = options;
  const patience = { clock, signal: signals.result, patienceMs: RESULT_PATIENCE_MS };
  try {
    const stored = await untilStored(patience, async () => {
      await demandIdentity(options.store, options.assignment.storeId);
      return artifacts.store();
    });
    const verified = await link.request({ kind: "verify" }, signals.life);
    if (verified.kind !== "ok") return null;
    if (signals.result.aborted) return { kind: "interrupted", why: null };
    const entries = stored.map(({ entry }) => entry);
    return await settle({ kind: "succeeded", output, artifacts: entries, progress }, patience, options);
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    logger.error({ err: error }, "result not stored");
    return { kind: "interrupted", why: signals.result.aborted ? null : heldUpBy(error) };
  }
}

async function fail(end: FailedEnd, options: ConclusionOptions): Promise<AttemptEnd | null> {
  const { link, clock, logger, signals } = options;
  const verified = await link.request({ kind: "verify", fault: end.fault }, signals.life);
  if (verified.kind !== "ok") return null;
  if (verified.final !== true || signals.result.aborted) return end;
  try {
    const { storePatienceMs: patienceMs } = options.assignment;
    return await settle(end, { clock, signal: signals.result, patienceMs }, options);
  } catch (error) {
    if (!(error instanceof StoreFault)) throw error;
    // The record alone has to do: a failure that nobody hears of would be worse.
    logger.error({ err: error }, "failure not stored");
    return end;
  }
}

/** CN1 */
async function settle(
  end: SucceededEnd | FailedEnd,
  patience: Parameters<typeof untilStored>[0],
  { assignment, store, clock, faults, logger, traces }: ConclusionOptions,
): Promise<AttemptEnd> {
  if (faults.reach("keeper.before-outcome") === "skip") return end;
  const { job, round, attempt, fence } = assignment;
  const outcome = {
    format: 1 as const,
    job,
    round,
    attempt,
    fence: fenceText(fence),
    token: fence.token,
    at: new Date(clock.nowMs()).toISOString(),
    end: end.kind === "succeeded" ? { ...end, artifacts: [...end.artifacts] } : end,
  };
  // Without them an outcome is all that the store knows of the job; it counts all the same.
  await orGivenUp(traces.written(), patience).catch((error: unknown) =>
    logger.warn({ err: error }, "attempt not noted in the store"),
  );
  const standing = await untilStored(patience, () => settleOutcome(store, outcome));
  faults.reach("keeper.after-outcome-before-end");
  return standing.end;
}
