/**
 * The states of a job and the only ways between them.
 *
 * S1 A state changes only along this table: the Lua scripts get it rendered (`redis/script-loader.ts`), the
 *    documentation and the dashboard draw it.
 * S2 Only `running` and `stopping` hold a lease.
 * S3 A final state is left by `retry` alone: of the job itself, or of a job it waits for (`revive`).
 */

/** What each state means, in the words users see. */
export const JOB_STATES = {
  scheduled: "not before a time: a delay, or the pause before a retry",
  blocked: "waits for other jobs",
  queued: "waits for a slot",
  running: "an attempt holds the lease",
  stopping: "asked to make a checkpoint and let go",
  stopped: "parked at its last checkpoint by a person",
  succeeded: "finished with an output",
  failed: "finished with an error",
  cancelled: "given up by request, or because a job it waited for did not succeed",
  expired: "its deadline passed before it was finished",
} as const;

export type JobState = keyof typeof JOB_STATES;

/** event → next state, per state. */
export const TRANSITIONS = {
  scheduled: { due: "queued", stop: "stopped", cancel: "cancelled", expire: "expired" },
  blocked: { unblock: "queued", postpone: "scheduled", stop: "stopped", cancel: "cancelled", expire: "expired" },
  queued: { lease: "running", stop: "stopped", cancel: "cancelled", expire: "expired" },
  running: {
    succeed: "succeeded",
    fail: "failed",
    backoff: "scheduled",
    requeue: "queued",
    ask: "stopping",
    expire: "expired",
  },
  stopping: {
    succeed: "succeeded",
    fail: "failed",
    backoff: "scheduled",
    requeue: "queued",
    park: "stopped",
    drop: "cancelled",
    ask: "stopping",
    expire: "expired",
  },
  stopped: { resume: "queued", postpone: "scheduled", block: "blocked", cancel: "cancelled", expire: "expired" },
  succeeded: { retry: "queued" },
  failed: { retry: "queued" },
  cancelled: { retry: "queued", revive: "blocked" },
  expired: { retry: "queued", revive: "blocked" },
} as const satisfies Record<JobState, Readonly<Record<string, JobState>>>;

/** Any event that some state knows. */
export type JobEvent = { [S in JobState]: keyof (typeof TRANSITIONS)[S] }[JobState];

/** What people may ask of a job in a state; a test holds it against the table. */
export const ORDERS = {
  scheduled: ["stop", "cancel"],
  blocked: ["stop", "cancel"],
  queued: ["stop", "cancel"],
  running: ["checkpoint", "stop", "migrate", "cancel"],
  stopping: ["stop", "cancel"],
  stopped: ["resume", "cancel"],
  succeeded: ["retry"],
  failed: ["retry"],
  cancelled: ["retry"],
  expired: ["retry"],
} as const satisfies Record<JobState, readonly string[]>;

export type Transition =
  | { readonly kind: "ok"; readonly to: JobState }
  | { readonly kind: "illegal"; readonly from: JobState; readonly event: JobEvent };

/** Where `event` leads from `from` (S1). */
export function transition(from: JobState, event: JobEvent): Transition {
  const exits: Readonly<Partial<Record<string, JobState>>> = TRANSITIONS[from];
  const to = exits[event];
  return to === undefined ? { kind: "illegal", from, event } : { kind: "ok", to };
}

export const FINAL_STATES = ["succeeded", "failed", "cancelled", "expired"] as const satisfies readonly JobState[];
export const LEASED_STATES = ["running", "stopping"] as const satisfies readonly JobState[];

/** Has the job come to its end? (S3) */
export function isFinal(state: JobState): boolean {
  return (FINAL_STATES as readonly JobState[]).includes(state);
}

/**
 * Why a `stopping` job stops. It only rises: a cancel is not undone by a drain that comes later.
 * `yield` gives the slot back and queues again (drain, migrate, preempt), `stop` parks, `cancel` ends.
 */
export const INTENTS = { yield: 1, stop: 2, cancel: 3 } as const;
export type Intent = keyof typeof INTENTS;
