/** What the methods of the client take and give, besides the shapes of the contract. */
import type { z } from "zod";
import type { forkSchema, Job } from "../contract/job.ts";
import type { limitsSchema } from "../contract/limits.ts";
import type { Fetch } from "./http.ts";

export interface CairnClientOptions {
  /** Where the API listens, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Another `fetch`, e.g. one with a proxy. */
  readonly fetch?: Fetch;
  /** Sent with every call, e.g. what a proxy in front of the API asks for. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest time for one call with its repeats, ms; default 30 000. Online requests bring their own. */
  readonly timeoutMs?: number;
  /** How often a call that may be repeated is sent at most; default 4. */
  readonly maxTries?: number;
  /** How long a stream or a wait goes on while nobody answers, ms; default 60 000. */
  readonly patienceMs?: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface InvokeOptions extends CallOptions {
  /** How long the answer is waited for, ms; travels to the replica. Default: the task's own deadline. */
  readonly timeoutMs?: number | undefined;
  /** Makes it safe to ask again: the same key gets the same answer. */
  readonly idempotencyKey?: string | undefined;
}

export interface SubmitOptions extends CallOptions {
  /** Name of this submission: the same key within 24 hours gets the same job. Default: a random one. */
  readonly idempotencyKey?: string | undefined;
}

export interface Submission {
  readonly job: Job;
  /** The key was used before: this is the job of then, as it is now. */
  readonly replayed: boolean;
}

export interface WaitOptions extends CallOptions {
  /** Longest wait, ms; none: until the job ends. */
  readonly timeoutMs?: number | undefined;
  /** Called with the job whenever it was looked at. */
  readonly onUpdate?: ((job: Job) => void) | undefined;
}

export interface JobFilter {
  readonly state?: readonly Job["state"][] | undefined;
  readonly task?: string | undefined;
  readonly class?: Job["class"] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly worker?: string | undefined;
  /** Who submitted it, as it stands on the job. */
  readonly caller?: string | undefined;
  /** Elements of this array. */
  readonly array?: string | undefined;
}

export interface ControlOptions extends CallOptions {
  /** Wait up to this many ms for the effect, at most 25 000; default: answer as soon as it is ordered. */
  readonly waitMs?: number | undefined;
}

/** What callers meet: bytes, times and counts, by name. */
export type LimitsView = z.infer<typeof limitsSchema>;

export interface RetryOptions extends ControlOptions {
  /** Of `retry` alone; default `last`. */
  readonly from?: "start" | "last" | number | undefined;
}

export type ControlVerb = "checkpoint" | "stop" | "resume" | "migrate" | "cancel" | "retry";

/** Orders that a whole array takes. */
export type ArrayVerb = "stop" | "resume" | "cancel" | "retry";

export type ForkRequest = z.input<typeof forkSchema>;

export interface Ordered {
  readonly job: Job;
  /** `stands`: what was asked for has come about, or was so already. `ordered`: it will. */
  readonly effect: "stands" | "ordered";
}

export interface LogOptions extends CallOptions {
  readonly attempt?: number | undefined;
  readonly follow?: boolean | undefined;
}

export type WorkerOrder = "drain" | "undrain" | "cordon" | "uncordon" | "quarantine";

export interface OrderOptions extends CallOptions {
  /** Shown with the worker. */
  readonly reason?: string | undefined;
}
