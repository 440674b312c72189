/** The batch scripts, loaded once per process with the tables of `domain` in front of them. */
import { problem } from "../contract/problem.ts";
import { meanTimeToLossMs, NO_LOSSES } from "../domain/failure-rate.ts";
import { INTENTS, TRANSITIONS } from "../domain/job-state.ts";
import { QUARANTINE } from "../domain/quarantine.ts";
import { DEFAULT_LIMITS } from "../domain/limits.ts";
import { loadScript, luaLiteral, type Script } from "../redis/script.ts";

/** How long a job that failed or was lost on a worker goes to others, while another can take it, ms. */
const AVOID_MS = 30_000;

/**
 * How long after the deadline of an online job it is called expired by whoever looks after all jobs, ms: until then
 * that is for the process which sees to it, and knows what was tried.
 */
const DEADLINE_SLACK_MS = 2_000;

/** How long after a job could not be forgotten, because another needs it still, that is tried again, ms. */
const PUT_OFF_MS = 600_000;

/** Attempts of a job that are kept, the newest: one that waits for days for a disk to be mended makes thousands. */
const ATTEMPTS_PER_JOB = 1_000;

const NAMES = [
  "create",
  "lease",
  "renew",
  "commit",
  "set-aside",
  "drop-checkpoint",
  "verify",
  "finish",
  "lose",
  "affirm",
  "set-back",
  "spare",
  "control",
  "tell",
  "fork",
  "array-begin",
  "array-fill",
  "schedule-put",
  "schedule-served",
  "due",
  "reticket",
  "patch",
  "remove",
  "sweep",
  "events",
  "begin-online",
  "draw-online",
  "send-online",
  "end-online",
  "lose-coordinator",
  "forget-online",
  "rebuild",
] as const;

export type BatchScripts = Readonly<Record<(typeof NAMES)[number], Script>>;

/** Loads them. @param options.eventsPerJob how many events of a job are kept */
export function loadBatchScripts(options: { readonly eventsPerJob?: number } = {}): BatchScripts {
  const prelude = [
    `local TRANSITIONS = ${luaLiteral(TRANSITIONS)}`,
    `local INTENTS = ${luaLiteral(INTENTS)}`,
    `local QUARANTINE = ${luaLiteral({ ...QUARANTINE, problem: JSON.stringify(problem("quarantined", "")) })}`,
    `local USUAL_MTBF = ${meanTimeToLossMs(NO_LOSSES)}`,
    `local AVOID_MS = ${AVOID_MS}`,
    `local PUT_OFF_MS = ${PUT_OFF_MS}`,
    `local DEADLINE_SLACK = ${DEADLINE_SLACK_MS}`,
    `local ATTEMPTS_PER_JOB = ${ATTEMPTS_PER_JOB}`,
    `local EVENTS_PER_JOB = ${options.eventsPerJob ?? DEFAULT_LIMITS.eventsPerJob}`,
  ].join("\n");
  const folder = new URL("./scripts/", import.meta.url);
  return Object.fromEntries(NAMES.map((name) => [name, loadScript(folder, name, prelude)])) as BatchScripts;
}
