/**
 * Why a job is in the state it is in: a second field beside the state, each with a sentence for people.
 *
 * R1 A job that is not running has a reason whenever the state alone does not say it.
 * R2 What a job without a checkpoint does next is to begin anew: its sentence promises no more.
 */
import type { JobState } from "./job-state.ts";

export const JOB_REASONS = {
  waiting_for_slot: "waits until a worker that has the task has a free slot",
  no_worker_has_task: "no live worker has this task at the version the job needs; start one that does",
  no_worker_in_pool:
    "no live worker serves its pool, though others have the task; start one in that pool, or submit it anew for another",
  no_worker_has_version:
    "live workers have this task at another checkpoint version only; start one at the version the job was begun with, or submit it anew",
  waiting_for_jobs: "waits for other jobs to end as it needs them to",
  dependency_failed: "a job it waits for did not succeed; a retry of that one revives this one",
  not_before: "waits for the time it was submitted for",
  retry_backoff: "the task failed and will be tried again after a pause",
  worker_lost: "its worker was lost; it continues from its last checkpoint on another",
  redis_set_back: "Redis came back with older data; it continues from the last checkpoint that is known there",
  runner_lost: "its process died without the task having failed; it continues from its last checkpoint",
  lease_unheard: "its worker was given it and did not hear so; it is given out again",
  coordinator_lost: "the API process that saw to it was lost; another one takes it over",
  outcome_unknown: "it may have run when whoever saw to it was lost, and must not run twice",
  disk_full: "the disk of its worker, or its checkpoint store, was full; it continues from its last checkpoint",
  disk_failed: "the disk of its worker failed; it continues from its last checkpoint, elsewhere if another worker can",
  checkpoint_missing: "its worker did not find its checkpoint in the store; another one looks for it",
  store_unavailable:
    "its worker could not reach its checkpoint store for too long; it continues from its last checkpoint, elsewhere if another worker can",
  worker_draining: "its worker is being drained; it continues elsewhere from the checkpoint made for that",
  migrating: "was asked to move to another worker",
  stop_requested: "was asked to stop; it makes a checkpoint and parks",
  cancel_requested: "was asked to cancel; its process is being ended",
  stopped_by_request: "was stopped by request; resume continues from its last checkpoint",
  cancelled_by_request: "was cancelled by request",
  task_failed: "the task failed in a way that no retry can mend",
  input_refused: "the task refused the input",
  retries_exhausted: "the task failed more often than its retries allow",
  timed_out: "an attempt took longer than timeoutMs, more often than its retries allow",
  quarantined: "it ended several workers in a row without a new checkpoint, more often than chance does here",
  deadline_passed: "its deadline passed",
  checkpoints_unreadable: "none of its checkpoints could be read back whole",
} as const;

export type JobReason = keyof typeof JOB_REASONS;

/** R2 */
const WITHOUT_CHECKPOINT: Readonly<Partial<Record<JobReason, string>>> = {
  worker_lost: "its worker was lost before the first checkpoint; it begins anew on another",
  redis_set_back: "Redis came back with older data, in which it has no checkpoint; it begins anew",
  runner_lost: "its process died before the first checkpoint, without the task having failed; it begins anew",
  disk_full: "the disk of its worker, or its checkpoint store, was full before the first checkpoint; it begins anew",
  disk_failed:
    "the disk of its worker failed before the first checkpoint; it begins anew, elsewhere if another worker can",
  store_unavailable:
    "its worker could not reach its checkpoint store for too long before the first checkpoint; it begins anew, elsewhere if another worker can",
  worker_draining: "its worker is being drained, and it has no checkpoint; it begins anew elsewhere",
  stopped_by_request: "was stopped by request before the first checkpoint; resume begins anew",
};

/** The sentence for a job in `state`, whose last checkpoint is `checkpoint` (R2). */
export function reasonSentence(
  reason: JobReason,
  { state, checkpoint }: { readonly state: JobState; readonly checkpoint: object | number | null },
): string {
  // While it is stopping the checkpoint is still being made.
  const without = checkpoint === null && state !== "stopping" ? WITHOUT_CHECKPOINT[reason] : undefined;
  return without ?? JOB_REASONS[reason];
}
