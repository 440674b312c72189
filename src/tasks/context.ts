/**
 * What a running task is given besides its input.
 *
 * X1 Everything that would make two runs of the same job differ comes from here (`random`), or is the user's own doing.
 * X2 Costly members are made when first used: `signal` costs as much as a small request.
 */

/** Writes one line of the task's log, with fields. */
export interface TaskLog {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** A committed checkpoint of some job; its files are fetched as they are read. */
export interface CheckpointView {
  readonly jobId: string;
  readonly seq: number;
  readonly manifestSha256: string;
  /** Progress of the job when the checkpoint was made, in the task's own unit; null if it reported none. */
  readonly progress: number | null;
  /** Reads one file of the checkpoint, verified against its hash. */
  read(name: string): Promise<Uint8Array>;
  readonly files: readonly string[];
}

export interface TaskContext {
  /** Id of the job or request. */
  readonly job: string;
  /** 1 for the first try. */
  readonly attempt: number;
  /** Grows with every attempt of a job: hand it to outside systems so that they can refuse an older one. */
  readonly fence: string;
  /** W3C traceparent of this attempt, a child of the request's; null when the request brought none that is valid. */
  readonly traceparent: string | null;
  /** Aborts when the work is no longer wanted: deadline, cancel, drain. */
  readonly signal: AbortSignal;
  readonly log: TaskLog;
  /** The latest committed checkpoint of a job, or null if it has none. */
  latestCheckpoint(jobId: string): Promise<CheckpointView | null>;
}

export interface OnlineContext extends TaskContext {
  /** Milliseconds until nobody waits any more. */
  remainingMs(): number;
}

/** A job that this one waited for, as it ended. */
export interface DependencyResult {
  readonly job: string;
  /** `succeeded`, or another final state when its failure was not to matter; null when the job is deleted. */
  readonly state: string | null;
  readonly task: string | null;
  /** Of an array that was waited for as a whole, each element is told, with its index from 0. */
  readonly array: { readonly id: string; readonly index: number } | null;
  /** Its output; null unless it succeeded. */
  readonly output: unknown;
}

export interface BatchContext extends TaskContext {
  /** The array this job is an element of, and which one, from 0; null for a job of its own. */
  readonly array: { readonly id: string; readonly index: number; readonly count: number } | null;
  /**
   * The jobs of `dependsOn` with their outputs, in the order in which they were named.
   * @throws when the outputs are larger than 16 MiB together: hand large results out as artifacts
   */
  dependencies(): Promise<readonly DependencyResult[]>;
  /** Says how far the job is; `total` may be null when it is not known. */
  progress(completed: number, total: number | null, unit: string): void;
  /** Hands out a file as a result; it appears when it is committed, with a checkpoint or at the end. */
  artifact(name: string, data: Uint8Array | string): void;
  /** Uniform in [0, 1), seeded by the job; its state is part of the checkpoint, so a resumed job draws on. */
  random(): number;
}
