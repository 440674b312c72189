/**
 * Batch jobs as the API sees them: submit, control, change, forget. Any number of API processes do this side by side.
 *
 * J1 A write carries `notAfter`: what was refused to the caller because Redis was mute does not run later.
 * J2 The record is written first, the ticket after; if the process dies in between, the caretaker makes the ticket.
 */
import { createHash } from "node:crypto";
import { ulid } from "ulid";
import type { Fork, Job, PatchJob, Submit } from "../contract/job.ts";
import type { TaskInfo } from "../contract/worker.ts";
import { ORDERS, type JobState } from "../domain/job-state.ts";
import type { Limits } from "../domain/limits.ts";
import { RedisFault, writing } from "../redis/fault.ts";
import type { Keys } from "../redis/keys.ts";
import type { RedisClient } from "../redis/connection.ts";
import { runScript, type ScriptReply } from "../redis/script.ts";
import type { ScriptWriter } from "../redis/script-writer.ts";
import type { JobGraph } from "./job-graph.ts";
import type { JobReader } from "./job-reader.ts";
import { inputFields, jobFields, labelFields } from "./job-fields.ts";
import { toJob, unflatten } from "./record.ts";
import type { BatchScripts } from "./scripts.ts";
import { ticketOf, type TicketQueues } from "./tickets.ts";

export const CONTROL_VERBS = ["checkpoint", "stop", "resume", "cancel", "retry", "migrate"] as const;
export type ControlVerb = (typeof CONTROL_VERBS)[number];

export interface NewJob {
  /** Absent: a new one. A job that has this id already is the same job. */
  readonly id?: string;
  /** The definition the job runs by: the newest live one that takes the input. */
  readonly task: TaskInfo;
  readonly submit: Submit;
  /** The input as it came. */
  readonly inputText: string;
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null;
  /** Who asked: goes into the job's history. */
  readonly by: string;
  /** Whose share of the fleet it counts on. */
  readonly caller: string;
  /** W3C, valid; absent or null: none. */
  readonly traceparent?: string | null;
}

export type SubmitOutcome =
  | { readonly kind: "created"; readonly job: Job }
  | { readonly kind: "replayed"; readonly job: Job }
  | { readonly kind: "key_reused"; readonly id: string }
  /** `index` in `dependsOn`. */
  | { readonly kind: "unknown_dependency"; readonly index: number };

export type ControlOutcome =
  | { readonly kind: "accepted"; readonly job: Job }
  | { readonly kind: "unchanged"; readonly job: Job }
  | { readonly kind: "illegal"; readonly detail: string; readonly job: Job }
  | { readonly kind: "not_found" }
  | { readonly kind: "unknown_checkpoint" }
  | { readonly kind: "dependency_failed"; readonly dependency: string };

export interface NewFork extends Omit<Fork, "input"> {
  readonly id?: string;
  /** Null: the parent's. */
  readonly inputText: string | null;
  readonly by: string;
  readonly caller: string;
}

export type ForkOutcome =
  | { readonly kind: "created"; readonly job: Job }
  | { readonly kind: "not_found" }
  | { readonly kind: "unknown_checkpoint" };

export type PatchOutcome = { readonly kind: "ok"; readonly job: Job } | { readonly kind: "not_found" };
export type RemoveOutcome =
  | { readonly kind: "ok" }
  | { readonly kind: "forked" }
  /** `by` has not ended, and names it. */
  | { readonly kind: "needed"; readonly by: string }
  | { readonly kind: "not_found" }
  | { readonly kind: "not_final" };

export interface JobWriterOptions {
  readonly redis: RedisClient;
  /** What callers ask for, as durable as is wanted. */
  readonly writer: ScriptWriter;
  readonly keys: Keys;
  readonly scripts: BatchScripts;
  readonly tickets: TicketQueues;
  readonly reader: JobReader;
  readonly graph: JobGraph;
  readonly limits: Limits;
  /** Redis' clock, as well as it is known here. */
  readonly redisNowMs: () => number;
  /** How long a write may be on its way before it must not happen any more, ms. */
  readonly writeWithinMs: number;
  /** Time a job asked to stop has for its last checkpoint, ms. */
  readonly stopGraceMs: number;
  readonly onTicketError: (error: unknown) => void;
}

export class JobWriter {
  readonly #options: JobWriterOptions;

  constructor(options: JobWriterOptions) {
    this.#options = options;
  }

  /**
   * Creates a job, atomically with its idempotency key.
   * @throws RedisFault; with kind `unknown` its `job` is the id to look up
   */
  async submit(request: NewJob): Promise<SubmitOutcome> {
    const { keys, limits, scripts, reader } = this.#options;
    const { submit, idempotency } = request;
    const id = request.id ?? ulid().toLowerCase();
    const idempotencyKey =
      idempotency === null ? keys.root : keys.idempotency(createHash("sha256").update(idempotency.key).digest("hex"));
    const runAt = submit.runAt === undefined ? "" : String(Date.parse(submit.runAt));
    const reply = await this.#write(id, () =>
      this.#options.writer.run(
        scripts.create,
        [keys.root, idempotencyKey],
        [
          id,
          this.#notAfter(),
          idempotency?.fingerprint ?? "",
          limits.idempotencyKeyTtlMs,
          runAt,
          submit.deadlineMs ?? "",
          ...jobFields(request),
          ...inputFields(request.inputText),
        ],
      ),
    );
    const [kind, rest, record] = reply;
    switch (kind) {
      case "created": {
        await this.#addTicket(rest);
        const raw = Array.isArray(record) ? unflatten(record.map(String)) : null;
        return {
          kind: "created",
          job: raw === null ? await reader.require(id) : toJob(raw, this.#options.redisNowMs()),
        };
      }
      case "replayed":
        return { kind: "replayed", job: await reader.require(String(rest)) };
      case "key_reused":
        return { kind: "key_reused", id: String(rest) };
      case "unknown_dependency":
        return { kind: "unknown_dependency", index: Number(rest) };
      default:
        throw tooLate(id);
    }
  }

  /** Asks something of a job. Repeating what stands already is `unchanged`. @throws RedisFault */
  async control(
    id: string,
    verb: ControlVerb,
    options: { readonly by: string; readonly from?: "start" | "last" | number },
  ): Promise<ControlOutcome> {
    const { keys, scripts, writer, reader, stopGraceMs } = this.#options;
    const reply = await this.#write(id, () =>
      writer.run(
        scripts.control,
        [keys.root],
        [id, verb, options.by, this.#notAfter(), stopGraceMs, options.from ?? "last"],
      ),
    );
    const [kind, rest] = reply;
    switch (kind) {
      case "accepted":
        await this.#addTicket(rest);
        return { kind: "accepted", job: await reader.require(id) };
      case "unchanged":
        return { kind: "unchanged", job: await reader.require(id) };
      case "illegal":
        return {
          kind: "illegal",
          detail: `a job that is ${String(rest)} cannot be asked to ${verb}; ${ordersIn(String(rest))}`,
          job: await reader.require(id),
        };
      case "not_found":
        return { kind: "not_found" };
      case "unknown_checkpoint":
        return { kind: "unknown_checkpoint" };
      case "dependency_failed":
        return { kind: "dependency_failed", dependency: String(rest) };
      default:
        throw tooLate(id);
    }
  }

  /** Makes a job that begins at a checkpoint of another. @throws RedisFault */
  async fork(parent: string, fork: NewFork): Promise<ForkOutcome> {
    const { keys, scripts, writer, reader } = this.#options;
    const { from, by, caller, priority, labels, inputText } = fork;
    const id = fork.id ?? ulid().toLowerCase();
    const fields: (string | number)[] = ["caller", caller];
    if (inputText !== null) fields.push(...inputFields(inputText));
    if (priority !== undefined) fields.push("priority", priority);
    if (labels !== undefined) fields.push(...labelFields(labels));
    const [kind, rest] = await this.#write(id, () =>
      writer.run(scripts.fork, [keys.root], [parent, id, this.#notAfter(), from, by, ...fields]),
    );
    if (kind === "too_late") throw tooLate(id);
    if (kind === "not_found" || kind === "unknown_checkpoint") return { kind };
    await this.#addTicket(rest);
    return { kind: "created", job: await reader.require(id) };
  }

  /** As `control`, without looking at the job: for many at a time. @throws RedisFault */
  async order(id: string, verb: ControlVerb, by: string): Promise<string> {
    const { keys, scripts, writer, stopGraceMs } = this.#options;
    const args = [id, verb, by, this.#notAfter(), stopGraceMs, "last"];
    const [kind, rest] = await this.#write(id, () => writer.run(scripts.control, [keys.root], args));
    if (kind === "too_late") throw tooLate(id);
    if (kind === "accepted") await this.#addTicket(rest);
    return String(kind);
  }

  /** Changes priority or labels. @throws RedisFault */
  async patch(id: string, patch: PatchJob, options: { readonly by: string }): Promise<PatchOutcome> {
    const { keys, scripts, writer, reader } = this.#options;
    const fields: (string | number)[] = [];
    if (patch.priority !== undefined) fields.push("priority", patch.priority);
    if (patch.labels !== undefined) fields.push(...labelFields(patch.labels));
    const [kind, rest] = await this.#write(id, () =>
      writer.run(scripts.patch, [keys.root], [id, this.#notAfter(), options.by, ...fields]),
    );
    if (kind === "too_late") throw tooLate(id);
    if (kind === "not_found") return { kind: "not_found" };
    await this.#addTicket(rest);
    return { kind: "ok", job: await reader.require(id) };
  }

  /** Forgets a final job, and notes that its files are to be deleted now (`retention.ts`). @throws RedisFault */
  async remove(id: string): Promise<RemoveOutcome> {
    const { keys, scripts, redis } = this.#options;
    const remove = (): Promise<ScriptReply> =>
      writing(() => runScript(redis, scripts.remove, [keys.root], [id, 0, "asked"]));
    let reply = await remove();
    while (reply === "not_told") {
      await this.#options.graph.tell(id);
      reply = await remove();
    }
    if (Array.isArray(reply)) return { kind: "needed", by: String(reply[1]) };
    return { kind: reply === "ok" || reply === "not_final" || reply === "forked" ? reply : "not_found" };
  }

  /** J1 */
  #notAfter(): number {
    return Math.ceil(this.#options.redisNowMs() + this.#options.writeWithinMs);
  }

  async #write(id: string, operation: () => Promise<ScriptReply>): Promise<ScriptReply[]> {
    try {
      const reply = await writing(operation);
      return Array.isArray(reply) ? reply : [reply];
    } catch (error) {
      if (error instanceof RedisFault) error.job = id;
      throw error;
    }
  }

  /** J2: a ticket that cannot be added now is the caretaker's. */
  async #addTicket(reply: ScriptReply | undefined): Promise<void> {
    const ticket = ticketOf(reply);
    if (ticket === null) return;
    const added = this.#options.tickets.add([ticket]).catch((error: unknown) => this.#options.onTicketError(error));
    await Promise.race([added, new Promise((resolve) => setTimeout(resolve, 250).unref())]);
  }
}

/** @param what a state, or `online`: nothing but an end can be asked of what is under way on a replica */
function ordersIn(what: string): string {
  const orders: readonly string[] = what === "online" ? ["cancel"] : ORDERS[what as JobState];
  return `it takes ${[orders.slice(0, -1).join(", "), orders.at(-1)].filter((part) => part !== "").join(" and ")}`;
}

/** J1: the script itself refused, so nothing happened. */
function tooLate(id: string): RedisFault {
  const fault = new RedisFault("unavailable", new Error("the write reached Redis too late and was refused there"));
  fault.job = id;
  return fault;
}
