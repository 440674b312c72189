/**
 * GET /v1/jobs/{id}/logs: what the task printed.
 *
 * Logs lie in the store in pieces, seconds behind the program; nothing tells when a piece is added, so a follower looks.
 * What is stored, without following, is sent to its end, also by a process that drains: its end says that it is all.
 */
import { readLog } from "../../src/checkpoints/checkpoints.ts";
import { isFinalState, type Job } from "../../src/contract/job.ts";
import type { Answer } from "../answer.ts";
import type { ApiDeps } from "../deps.ts";
import type { Checked } from "../route.ts";
import { unknownJob } from "./jobs.ts";

const LOOK_MS = 500;
/** How long after the end of an attempt its last piece may come, ms. */
const TAIL_MS = 1_500;

interface LogQuery {
  readonly attempt?: number | undefined;
  readonly offset?: number | undefined;
  readonly follow?: boolean | undefined;
}

export async function readJobLog(deps: ApiDeps, checked: Checked<LogQuery, undefined>): Promise<Answer> {
  const { params, query, request } = checked;
  const id = params["id"] ?? "";
  const job = await deps.reader.get(id);
  if (job === null) return unknownJob(id);
  const attempt = query.attempt ?? Math.max(1, job.attempts);
  const place = { job: id, attempt, offset: query.offset ?? 0 };
  const follower = {
    signals: [request.gone, deps.drain.signal],
    /** An attempt that was asked for by number is followed to its own end, else the job to its. */
    over: query.attempt === undefined ? "all attempts" : "one attempt",
  } as const;
  return {
    status: 200,
    headers: {},
    body: {
      kind: "stream",
      mediaType: "text/plain; charset=utf-8",
      chunks: query.follow === true ? followLog(deps, place, follower) : storedLog(deps, place, [request.gone]),
    },
  };
}

interface Place {
  readonly job: string;
  attempt: number;
  offset: number;
}

/** All that is stored now; `place.offset` is where it ends. */
async function* storedLog(
  deps: ApiDeps,
  place: Place,
  signals: readonly AbortSignal[],
): AsyncGenerator<string | Uint8Array> {
  while (!signals.some((signal) => signal.aborted)) {
    const part = await readLog(deps.store, place.job, place.attempt, place.offset);
    if (part.nextOffset === place.offset) return;
    place.offset = part.nextOffset;
    if (part.skipped > 0) yield `\n… ${part.skipped} bytes were left out …\n`;
    yield part.bytes;
  }
}

async function* followLog(
  deps: ApiDeps,
  place: Place,
  follower: { readonly signals: readonly AbortSignal[]; readonly over: "all attempts" | "one attempt" },
): AsyncGenerator<string | Uint8Array> {
  const { signals, over } = follower;
  const stop = AbortSignal.any([...signals]);
  let endedAtMs: number | null = null;
  while (!stop.aborted) {
    const job = await deps.reader.get(place.job);
    yield* storedLog(deps, place, signals);
    if (job === null) return;
    if (isRunning(job, place.attempt)) {
      endedAtMs = null;
    } else {
      endedAtMs ??= deps.clock.monotonicMs();
      if (deps.clock.monotonicMs() - endedAtMs >= TAIL_MS) {
        if (over === "one attempt" || (isFinalState(job.state) && job.attempts <= place.attempt)) return;
        if (job.attempts > place.attempt) {
          place.attempt += 1;
          place.offset = 0;
          endedAtMs = null;
          continue;
        }
      }
    }
    await deps.clock.sleep(LOOK_MS, stop);
  }
}

/** May the attempt still print? One that has not begun may, too. */
function isRunning(job: Job, attempt: number): boolean {
  if (job.attempts > attempt || isFinalState(job.state)) return false;
  return job.attempts < attempt || job.state === "running" || job.state === "stopping";
}
