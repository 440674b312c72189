/**
 * What agent and keeper say to each other over the IPC channel. One keeper serves one attempt.
 *
 * The agent speaks to Redis and never touches the store; the keeper touches the store and never Redis. So every
 * fenced write of an attempt is a request of the keeper that the agent carries out.
 *
 * Q1 A request has an id and gets exactly one reply with that id, unless one side dies first.
 * Q2 A keeper whose channel closes ends its runner (the whole process group) and exits.
 * Q3 After `abandon` a keeper publishes nothing more: the lease is gone.
 */
import type { FencedReply, Unusable } from "../../src/batch/batch.ts";
import type { StoreAccess } from "../../src/checkpoints/checkpoints.ts";
import type { CheckpointCost, CheckpointInterval } from "../../src/domain/checkpoint-interval.ts";
import type { CheckpointDrop } from "../../src/domain/checkpoint-trouble.ts";
import type { AttemptAccount } from "../../src/domain/goodput.ts";
import type { Fence } from "../../src/domain/fence.ts";
import type { Intent } from "../../src/domain/job-state.ts";

/** A committed checkpoint that an attempt may start from, newest first in the list. */
export interface Candidate {
  readonly seq: number;
  readonly parent: number | null;
  /** The job that made it: another one for what a fork begins with. */
  readonly job: string;
  /** Name of the manifest in the store. */
  readonly manifest: string;
  readonly manifestSha256: string;
}

/** All a keeper needs to know to run one attempt. */
export interface Assignment {
  readonly job: string;
  readonly task: string;
  /** `program`: an executable (`defineProgram`); `steps`: functions in TypeScript. */
  readonly runs: "steps" | "program";
  /** Nice value of what it runs, 0 to 19. */
  readonly nice: number;
  readonly checkpointVersion: number;
  /** Raw JSON. */
  readonly input: string;
  readonly attempt: number;
  /** The array it is an element of. */
  readonly array: { readonly id: string; readonly index: number; readonly count: number } | null;
  /** Raised by each `retry` of a final job; names the outcome file. */
  readonly round: number;
  readonly fence: Fence;
  /** W3C traceparent of this attempt, a child of the submission's; null: it brought none. */
  readonly traceparent: string | null;
  readonly candidates: readonly Candidate[];
  /** Fields of the record that came with the submission: what the store keeps of it (`JOB.json`). */
  readonly submission: Readonly<Record<string, string>>;
  readonly worker: string;
  readonly zone: string;
  /** Sequence number of the first checkpoint of this attempt. */
  readonly nextSeq: number;
  /** Time between checkpoints, ms; `auto`: from their measured cost (`domain/checkpoint-interval.ts`). */
  readonly intervalMs: "auto" | number;
  readonly minIntervalMs: number;
  readonly maxIntervalMs: number;
  /** What checkpoints of this job cost, as an earlier attempt measured it; null: not known yet. */
  readonly checkpointCost: CheckpointCost | null;
  /** How often a worker is lost, ms; null: not known. */
  readonly mtbfMs: number | null;
  /** Longest time of the attempt, ms; null: no limit. */
  readonly timeoutMs: number | null;
  /** `outside`: it must not compute on when the lease cannot be confirmed (`lease-touch.ts`). */
  readonly effects: "none" | "outside";
  /** When the request that granted the lease was sent, on the machine's monotonic clock, ms. */
  readonly confirmedMs: number;
  /** Time until the job's deadline, ms; null: it has none. */
  readonly deadlineInMs: number | null;
  readonly logBytes: number;
  /** Longest output kept inline, bytes of JSON; what is longer has to be an artifact. */
  readonly outputBytes: number;
  readonly storeUrl: string;
  readonly storeAccess: StoreAccess;
  /** The id that the store must have; null: whichever it is. */
  readonly storeId: string | null;
  /** How long a store that does not answer is waited for, ms; what has been computed to its end waits longer. */
  readonly storePatienceMs: number;
  /** Folder for this attempt alone, made by the keeper, removed by it at the end. */
  readonly workFolder: string;
  /** Modules and programs to load tasks from, bundled and kept already. */
  readonly taskModules: readonly string[];
  readonly builtins: "on" | "off";
  readonly faults: string;
  readonly logLevel: string;
}

export interface ArtifactEntry {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** A checkpoint whose objects and manifest are in the store already. */
export interface CommitRequest {
  readonly seq: number;
  readonly parent: number | null;
  readonly manifest: string;
  readonly manifestSha256: string;
  readonly bytes: number;
  readonly progress: Progress | null;
  readonly artifacts: readonly ArtifactEntry[];
  /** How long the program stood still for it, and how long it took in all, ms. */
  readonly blockedMs: number;
  readonly totalMs: number;
  /** Where the time of the attempt went, if this commit is granted. */
  readonly account: AttemptAccount;
}

export interface Progress {
  readonly completed: number;
  readonly total: number | null;
  readonly unit: string;
}

export interface SucceededEnd {
  readonly kind: "succeeded";
  /** Raw JSON. */
  readonly output: string;
  readonly artifacts: readonly ArtifactEntry[];
  readonly progress: Progress | null;
}

/** The task failed by its own fault. Of these faults `error` and `timed_out` may be mended by trying again. */
export interface FailedEnd {
  readonly kind: "failed";
  readonly fault: "error" | "refused" | "not_retryable" | "timed_out" | "checkpoints_unreadable";
  readonly message: string;
  /** Not to be tried again before so many ms have passed; null: as the task's backoff says. */
  readonly retryAfterMs: number | null;
}

/** What an attempt cannot go on without on this worker. */
export type HeldUp = "disk_full" | "disk_failed" | "store_unavailable" | "checkpoint_missing";

/** How an attempt ended, as its keeper saw it. */
export type AttemptEnd =
  | SucceededEnd
  | FailedEnd
  /** It let go: as it was asked to (`why` is null), or because there was no room or no store. It is nobody's failure. */
  | { readonly kind: "interrupted"; readonly why: HeldUp | null }
  /** Its process died without having failed by itself (a signal, out of memory). */
  | { readonly kind: "runner_lost"; readonly detail: string };

export type KeeperRequest =
  /**
   * Does this attempt still hold the lease? Asked before anything is written that cannot be fenced. With `fault` it
   * also asks whether a failure of that kind would end the job (`final` in the reply).
   */
  | { readonly kind: "verify"; readonly fault?: FailedEnd["fault"] }
  | { readonly kind: "commit"; readonly checkpoint: CommitRequest }
  | { readonly kind: "set_aside"; readonly seq: number; readonly why: Unusable; readonly detail: string }
  /** A checkpoint could not be taken, the `n`-th of the attempt. */
  | { readonly kind: "dropped"; readonly n: number; readonly why: CheckpointDrop; readonly detail: string }
  | { readonly kind: "end"; readonly end: AttemptEnd; readonly account: AttemptAccount }
  /** Which is the latest committed checkpoint of a job (any job)? */
  | { readonly kind: "latest"; readonly job: string }
  /** What have the jobs come to that this one waited for? */
  | { readonly kind: "parents" }
  /** Which version of an artifact has a job (any job) committed? */
  | { readonly kind: "artifact"; readonly job: string; readonly name: string };

/** What a fenced write of the agent answers. */
export type KeeperReply = FencedReply;

export type FromKeeper =
  | { readonly kind: "request"; readonly id: number; readonly request: KeeperRequest }
  /** The runner's process (and group) id, as soon as it exists. */
  | { readonly kind: "runner"; readonly pid: number }
  /** From which checkpoint the task stands ready; null: from the start. */
  | { readonly kind: "restored"; readonly seq: number | null; readonly restoreMs: number }
  | { readonly kind: "progress"; readonly progress: Progress }
  /** How long it computes between two checkpoints from now on, and why. */
  | { readonly kind: "interval"; readonly interval: CheckpointInterval; readonly cost: CheckpointCost | null }
  /** Whom the store knows that came after this attempt, for the loss of memory it was asked about; null: nobody. */
  | { readonly kind: "successor"; readonly below: number; readonly successor: string | null }
  /** At least once a second: the keeper's event loop turns. */
  | { readonly kind: "alive"; readonly account: AttemptAccount };

export type ToKeeper =
  | { readonly kind: "assignment"; readonly assignment: Assignment }
  | { readonly kind: "reply"; readonly id: number; readonly reply: KeeperReply }
  /** Make a checkpoint now and go on. */
  | { readonly kind: "checkpoint" }
  /** The lease was confirmed by a request sent at that time, on the machine's monotonic clock; told where it matters. */
  | { readonly kind: "held"; readonly atMs: number }
  /** A worker is lost that often now, ms. */
  | { readonly kind: "losses"; readonly mtbfMs: number }
  /** Let go within `graceMs`: yield and stop after a checkpoint, cancel without one. */
  | { readonly kind: "stop"; readonly intent: Intent; readonly graceMs: number }
  /** Redis has lost its memory: does the store know of anybody who came after this attempt? */
  | { readonly kind: "ask_successor"; readonly below: number }
  /** The lease is lost (Q3): end the runner at once and exit. */
  | { readonly kind: "abandon" };
