/**
 * GET /v1/jobs/{id}/events: the job's events as Server-Sent Events.
 *
 * V1 Every event has its id; a reader that comes back with it gets what followed, from any API process.
 * V2 The stream ends after the job's last event; who comes back then gets 204, which tells a browser to stop.
 * V3 Something is sent at least every 15 s, so that readers and proxies can tell a quiet stream from a dead one.
 * V4 What has been, without following, is sent to its end, also by a process that drains: its end says that it is all.
 */
import type { JobEventView } from "../../src/contract/job.ts";
import type { EventQuery } from "../../src/contract/query.ts";
import { empty, refuse, type Answer } from "../answer.ts";
import type { ApiDeps } from "../deps.ts";
import { FROM_THE_START } from "../job-events.ts";
import type { Checked } from "../route.ts";
import { unknownJob } from "./jobs.ts";

/** V3 */
const HEARTBEAT_MS = 15_000;
/** How soon a browser reconnects, ms. */
const RETRY_MS = 1_000;
const EVENT_ID = /^\d{1,15}$/;

export async function followJobEvents(deps: ApiDeps, checked: Checked<EventQuery, undefined>): Promise<Answer> {
  const { params, query, request } = checked;
  const id = params["id"] ?? "";
  const header = request.header("last-event-id");
  if (header !== undefined && header !== "" && !EVENT_ID.test(header)) {
    return refuse("invalid_cursor", `Last-Event-ID is ${JSON.stringify(header.slice(0, 100))}`, {
      errors: [{ header: "Last-Event-ID", detail: "is not the id of an event" }],
    });
  }
  const given = header === undefined || header === "" ? query.after : header;
  const after = given === undefined ? undefined : Number(given);
  if ((await deps.events.stateOf(id)) === null) return unknownJob(id);
  if (after !== undefined && (await deps.events.hasEnded(id, after))) return empty(204); // V2
  const begin = after ?? FROM_THE_START;
  const batches =
    query.follow === false
      ? deps.events.soFar(id, begin, request.gone) // V4
      : deps.events.follow(id, begin, { quietMs: HEARTBEAT_MS, signals: [request.gone, deps.drain.signal] });
  return {
    status: 200,
    // A proxy that collects the answer before it passes it on would hold everything back.
    headers: { "X-Accel-Buffering": "no" },
    body: { kind: "stream", mediaType: "text/event-stream", chunks: toEventStream(batches) },
  };
}

async function* toEventStream(batches: AsyncIterable<readonly JobEventView[]>): AsyncGenerator<string> {
  yield `retry: ${RETRY_MS}\n\n`;
  for await (const events of batches) {
    yield events.length === 0 ? ":\n\n" : events.map(toMessage).join("");
  }
}

/** Without an `event:` field: then `onmessage` of a browser's EventSource gets all of them; `data.type` tells which. */
function toMessage(event: JobEventView): string {
  return `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;
}
