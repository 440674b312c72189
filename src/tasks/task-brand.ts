/**
 * What all kinds of task have in common, by which they are recognised.
 *
 * The brand is `Symbol.for`, so that a task made by a user's own copy of this package is still one.
 */

/** Recognises a task across module instances and bundles. */
export const TASK_BRAND: unique symbol = Symbol.for("cairn.task") as never;

/** How long to wait before a retry: `min(initialMs * factor^(n-1), maxMs)`, spread by ±`jitter` (a fraction). */
export interface Backoff {
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
  readonly jitter: number;
}

export interface CheckpointPolicy {
  /** Raise it when `save` and `load` change so that older checkpoints cannot be loaded. */
  readonly version: number;
  /** Time between checkpoints: `"auto"` (from measured cost and failure rate) or ms. */
  readonly intervalMs: "auto" | number;
  readonly minMs: number;
  readonly maxMs: number;
  /** How many of the newest checkpoints are kept, at least 2. */
  readonly keep: number;
  /** `kept`: the state at the end becomes a checkpoint too, for tasks that read it with `ctx.latestCheckpoint`. */
  readonly finalState: "kept" | "dropped";
}
