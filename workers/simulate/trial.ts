/** One run of a task on this machine, disturbed in one way or not at all, and what came out of it. */
import type { SucceededEnd } from "../keeper/protocol.ts";
import type { LocalJob } from "./local-job.ts";

/** `again`: undisturbed once more, to see what differs between any two runs. */
export type Disturbance = "none" | "again" | "stopped" | "killed";

export type Trial =
  | {
      readonly kind: "succeeded";
      readonly tookMs: number;
      readonly checkpoints: number;
      /** From which checkpoint it was resumed; null: it was not, or from the start. */
      readonly resumedFrom: number | null;
      readonly attempts: number;
      readonly end: SucceededEnd;
    }
  | { readonly kind: "failed"; readonly why: string };

export interface TrialOptions {
  readonly disturbance: Disturbance;
  /** When it is stopped. */
  readonly halfWay: Promise<void>;
  readonly graceMs: number;
  readonly nowMs: () => number;
}

/** Runs a job to its end. */
export async function runTrial(job: LocalJob, options: TrialOptions): Promise<Trial> {
  const { disturbance, halfWay, graceMs, nowMs } = options;
  const beginMs = nowMs();
  const first = job.attempt();
  if (disturbance === "stopped") void halfWay.then(() => job.stop(graceMs));
  if (disturbance === "killed") void job.nextCommit().then(() => job.kill());
  let end = await first;
  let attempts = 1;
  let resumedFrom: number | null = null;
  // It is disturbed once; whoever fails by itself has failed.
  if (end === null || end.kind === "interrupted" || (end.kind === "runner_lost" && disturbance === "killed")) {
    resumedFrom = job.commits.at(-1)?.seq ?? null;
    attempts = 2;
    end = await job.attempt();
  }
  const tookMs = nowMs() - beginMs;
  if (end?.kind === "succeeded") {
    return { kind: "succeeded", tookMs, checkpoints: job.commits.length, resumedFrom, attempts, end };
  }
  if (end === null) return { kind: "failed", why: "its keeper died" };
  if (end.kind === "failed") return { kind: "failed", why: end.message };
  return { kind: "failed", why: end.kind === "runner_lost" ? end.detail : "it let go" };
}

/** What differs between two results; empty: they are the same bits. */
export function differences(one: SucceededEnd, other: SucceededEnd): string[] {
  const names = [...new Set([...one.artifacts, ...other.artifacts].map(({ name }) => name))].sort();
  const hashOf = (end: SucceededEnd, name: string): string | undefined =>
    end.artifacts.find((artifact) => artifact.name === name)?.sha256;
  return [
    ...(one.output === other.output ? [] : ["the output"]),
    ...names.filter((name) => hashOf(one, name) !== hashOf(other, name)),
  ];
}
