/**
 * What keeper and runner say to each other over the IPC channel. The runner is the user's code in a process of its
 * own; it reaches neither Redis nor the store.
 *
 * RP1 Between two steps the runner takes orders; `saved` or `save_failed` answers each `save`.
 * RP2 A folder given for a checkpoint is the keeper's alone once `saved` was said; so is an artifact that was reported.
 * RP3 A runner whose program makes checkpoints when it likes says `offer` when one lies ready; a `save` fetches it.
 */
import type { CopyBegun } from "../../src/checkpoints/checkpoints.ts";
import type { Progress } from "../keeper/protocol.ts";

export interface RunnerAssignment {
  readonly job: string;
  readonly task: string;
  readonly checkpointVersion: number;
  /** Raw JSON. */
  readonly input: string;
  readonly attempt: number;
  readonly array: { readonly id: string; readonly index: number; readonly count: number } | null;
  /** Public form of the fence. */
  readonly fence: string;
  /** W3C traceparent of the attempt, or null. */
  readonly traceparent: string | null;
  readonly taskModules: readonly string[];
  readonly builtins: "on" | "off";
  /** Folder with the files of the checkpoint to continue from; null: begin anew. */
  readonly restored: string | null;
  /** Where artifacts are left for the keeper. */
  readonly artifactFolder: string;
  /** Longest output, bytes of JSON. */
  readonly outputBytes: number;
  /** Nice value of a program, 0 to 19; the steps of a task run at that of their runner. */
  readonly nice: number;
  /** Marks every process of the attempt (a word in `CAIRN_RUN`). */
  readonly mark: string;
  /** Control group that the runner was put in; null: there is none. */
  readonly cgroup: string | null;
}

/** A file that was handed out with `ctx.artifact`; it is never written to again. */
export interface ArtifactFile {
  readonly name: string;
  readonly path: string;
}

export type RunnerFault =
  | {
      readonly fault: "error" | "refused" | "not_retryable" | "timed_out";
      readonly message: string;
      readonly retryAfterMs: null;
    }
  | { readonly fault: "error"; readonly message: string; readonly retryAfterMs: number };

/** A checkpoint of some job that the keeper has opened for the runner. */
export interface OpenedView {
  readonly handle: number;
  readonly seq: number;
  readonly manifestSha256: string;
  readonly progress: number | null;
  readonly files: readonly string[];
}

export type ToRunner =
  | { readonly kind: "start"; readonly assignment: RunnerAssignment }
  /** Save the state into `folder`, which exists and is empty; then go on, or hold still: no step follows any more. */
  | { readonly kind: "save"; readonly id: number; readonly folder: string; readonly then: "go_on" | "hold" }
  /** What was saved under this id could not be stored: it may be offered again. */
  | { readonly kind: "not_stored"; readonly id: number }
  /** No longer wanted: abort `ctx.signal` and exit; SIGKILL follows. */
  | { readonly kind: "end" }
  | { readonly kind: "latest"; readonly id: number; readonly view: OpenedView | null }
  | { readonly kind: "file"; readonly id: number; readonly path: string }
  /** Answers `latest`, `read`, `parents` or `artifact`. `absent`: there is no such thing; `fault`: it may be had later. */
  | { readonly kind: "trouble"; readonly id: number; readonly why: "absent" | "fault"; readonly message: string };

export type FromRunner =
  /** The state stands; the first step comes next. */
  | { readonly kind: "ready" }
  | { readonly kind: "progress"; readonly progress: Progress }
  | {
      readonly kind: "saved";
      readonly id: number;
      readonly blockedMs: number;
      readonly progress: Progress | null;
      /** Handed out since the last report. */
      readonly artifacts: readonly ArtifactFile[];
      /** Files in the folder that have other names too, under none of which anybody writes to them any more. */
      readonly atRest: readonly string[];
    }
  | {
      readonly kind: "save_failed";
      readonly id: number;
      /** `no_room`: the disk is full, `disk_failed`: it does not work; neither is the task's fault. */
      readonly why: "task" | "no_room" | "disk_failed";
      readonly message: string;
    }
  /**
   * While a `save` is under way: a large file of it is being copied, and can be hashed meanwhile; null: that copy was
   * given up. `saved` says that it is whole.
   */
  | { readonly kind: "copying"; readonly copy: CopyBegun | null }
  /** There is nothing to save: nothing new, or this task never has anything. Asked to hold, the runner holds. */
  | { readonly kind: "not_saved"; readonly id: number; readonly message: string }
  /** One that nobody had asked for was given up: it changed while it was frozen. */
  | { readonly kind: "dropped"; readonly message: string }
  /** RP3 */
  | { readonly kind: "offer" }
  | {
      readonly kind: "done";
      /** Raw JSON. */
      readonly output: string;
      readonly progress: Progress | null;
      readonly artifacts: readonly ArtifactFile[];
      /** `held`: the runner stays and saves its final state when it is told to. `gone`: it exits. */
      readonly state: "held" | "gone";
    }
  | ({ readonly kind: "failed" } & RunnerFault)
  /** The task could not go on because the disk is full. */
  | { readonly kind: "no_room"; readonly why: "disk_full" | "disk_failed"; readonly message: string }
  /** This worker does not have what the job needs; the job may be quite right elsewhere. */
  | { readonly kind: "unfit"; readonly message: string }
  /** The program was ended by somebody from outside. */
  | { readonly kind: "lost"; readonly message: string }
  /** Wants the latest checkpoint of a job, or one file of a checkpoint it was given. */
  | { readonly kind: "latest"; readonly id: number; readonly job: string }
  | { readonly kind: "read"; readonly id: number; readonly handle: number; readonly name: string }
  /** Wants what the jobs have come to that this one waited for; `file` or `trouble` answers. */
  | { readonly kind: "parents"; readonly id: number }
  /** Wants an artifact of a job; `file` or `trouble` answers. */
  | {
      readonly kind: "artifact";
      readonly id: number;
      readonly job: string;
      readonly name: string;
      readonly maxBytes: number;
    };
