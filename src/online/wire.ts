/**
 * What stands in the lists of the online path: one line of words, then the body as it came.
 *
 * Task list and replica list:  `1 <id> <attempt> <api> <expiresAt> <definitions> <trace>[ <fence>]\n<input>`
 * Reply list:                  `1 <id> <attempt> <status> <replica> <runUs> <extra> <finer>\n<output or message>`
 * Control list of a replica:   `1 <cancel|ask> <id> <attempt> <api>` or `1 park <task> <ms> <api>`
 *
 * N1 The first word is the number of the format. Of a task entry the next three words never move, so that a replica
 *    can answer `unsupported` to whatever comes after its time (design rule 10).
 * N2 The body is not looked at: neither parsed, nor written anew, on its way to the replica and back.
 * N3 An entry is unique (`api` is one process of one boot, `id` and `attempt` are used once in it), so that it can be
 *    taken out of a list by its text.
 */
const FORMAT = "1";

/** A replica asks itself with it to look at once: put into its own list, and passed over. */
export const WAKE = "0 wake";

/**
 * Stands for the definitions of an entry that asks for nothing but an answer: `ok` without any work. A replica that
 * does not know it has no such definition, and answers `unsupported`.
 */
export const CANARY = "canary";

export interface TaskEntry {
  readonly id: string;
  readonly attempt: number;
  /** Name of the reply list. */
  readonly api: string;
  /** Nothing starts after it: Redis's clock, whole ms. */
  readonly expiresAtMs: number;
  /** Definitions of the task that take this input, newest first. */
  readonly definitions: readonly string[];
  /** W3C traceparent, or null. */
  readonly trace: string | null;
  /** Of a job under a lease; null: of a request without one. */
  readonly fence: string | null;
  /** Raw JSON. */
  readonly input: string;
}

/** How an attempt was answered. Those that free the caller to try elsewhere at no cost: not_started, unsupported. */
export const STATUSES = [
  "ok",
  "taken", // not an answer: it has started, or stands next, at this replica
  "refused", // the input does not fit, or the task says no
  "error", // it failed, and may succeed elsewhere
  "retry_after", // the same, but not before `extra` ms
  "overloaded", // the same, and nothing has been done; `retry_after` with a finer word, for those that know only that
  "not_retryable", // it failed and would again
  "invalid_output", // the task broke its own promise
  "not_started", // late, or the replica is going away
  "unsupported", // the replica cannot read it, or has another definition
  "gone", // asked about it, the replica knows nothing of it
] as const;
/** Message of an `error` that is none of the task's own: its signal aborted at the deadline, and it gave up. */
export const GAVE_UP_AT_DEADLINE = "it gave up at the deadline";

export type AnswerStatus = (typeof STATUSES)[number];

export interface Answer {
  readonly id: string;
  readonly attempt: number;
  readonly status: AnswerStatus;
  readonly replica: string;
  /** Time in the handler, µs. */
  readonly runUs: number;
  /** retry_after, overloaded: ms to wait. */
  readonly retryAfterMs: number;
  /** Raw JSON output, or a message. */
  readonly body: string;
}

/** `cancel`: nobody waits for it any more. `ask`: is it still there? */
export interface AttemptOrder {
  readonly verb: "cancel" | "ask";
  readonly id: string;
  readonly attempt: number;
  readonly api: string;
}
/** Take no first attempts of a task for a while; 0 ms takes the order of this API process back. */
export interface ParkOrder {
  readonly verb: "park";
  readonly task: string;
  readonly forMs: number;
  readonly api: string;
}
export type ControlEntry = AttemptOrder | ParkOrder;

export function encodeTask(entry: TaskEntry): string {
  const { id, attempt, api, expiresAtMs, definitions, trace, fence, input } = entry;
  const words = `${FORMAT} ${id} ${attempt} ${api} ${expiresAtMs} ${definitions.join(",")} ${trace ?? "-"}`;
  return fence === null ? `${words}\n${input}` : `${words} ${fence}\n${input}`;
}

/** What came out of a task list: an entry, one of another format, or nothing that could be answered. */
export type DecodedTask =
  | { readonly kind: "entry"; readonly entry: TaskEntry }
  | { readonly kind: "other_format"; readonly id: string; readonly attempt: number; readonly api: string }
  | { readonly kind: "noise" };

export function decodeTask(text: string): DecodedTask {
  const end = text.indexOf("\n");
  const words = (end < 0 ? text : text.slice(0, end)).split(" ");
  const [format, id, attempt, api, expiresAt, definitions, trace, fence] = words;
  if (id === undefined || attempt === undefined || api === undefined) return { kind: "noise" };
  if (format !== FORMAT || expiresAt === undefined || definitions === undefined) {
    return { kind: "other_format", id, attempt: Number(attempt), api }; // N1
  }
  return {
    kind: "entry",
    entry: {
      id,
      attempt: Number(attempt),
      api,
      expiresAtMs: Number(expiresAt),
      definitions: definitions.split(","),
      trace: trace === undefined || trace === "-" ? null : trace,
      fence: fence ?? null,
      input: text.slice(end + 1), // N2
    },
  };
}

/** What `overloaded` is to readers that do not know it. */
const COARSE = "retry_after";

export function encodeAnswer(answer: Answer): string {
  const { id, attempt, status, replica, runUs, retryAfterMs, body } = answer;
  const words = status === "overloaded" ? COARSE : status;
  const finer = status === "overloaded" ? " overloaded" : "";
  return `${FORMAT} ${id} ${attempt} ${words} ${replica} ${runUs} ${retryAfterMs}${finer}\n${body}`;
}

/** Null when it is no answer of this format. */
export function decodeAnswer(text: string): Answer | null {
  const end = text.indexOf("\n");
  if (end < 0) return null;
  const [format, id, attempt, status, replica, runUs, retryAfterMs, finer] = text.slice(0, end).split(" ");
  if (format !== FORMAT || id === undefined || status === undefined || replica === undefined) return null;
  if (!isStatus(status)) return null;
  return {
    id,
    attempt: Number(attempt),
    status: status === COARSE && finer === "overloaded" ? finer : status,
    replica,
    runUs: Number(runUs),
    retryAfterMs: Number(retryAfterMs),
    body: text.slice(end + 1),
  };
}

export function encodeControl(order: ControlEntry): string {
  const { verb, api } = order;
  if (verb === "park") return `${FORMAT} park ${order.task} ${order.forMs} ${api}`;
  return `${FORMAT} ${verb} ${order.id} ${order.attempt} ${api}`;
}

/** Null when it is no control of this format. */
export function decodeControl(text: string): ControlEntry | null {
  const [format, verb, subject, number, api] = text.split(" ");
  if (format !== FORMAT || subject === undefined || api === undefined) return null;
  if (verb === "park") return { verb, task: subject, forMs: Number(number), api };
  return verb === "cancel" || verb === "ask" ? { verb, id: subject, attempt: Number(number), api } : null;
}

function isStatus(text: string): text is AnswerStatus {
  return (STATUSES as readonly string[]).includes(text);
}
