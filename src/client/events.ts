/**
 * The events of a job, as they happen: Server-Sent Events that survive cut connections and restarts of the API.
 *
 * E1 After a cut the stream is opened again from the last event that the caller got: none is missed, none comes twice.
 * E2 A connection that is silent for longer than three heartbeats is dead, whatever the socket says.
 * E3 It ends when the server says so (204), or closes after the job's end; else it goes on until nobody has answered
 *    for `patienceMs`.
 */
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { isFinalState, type JobEventView } from "../contract/job.ts";
import { CairnTimeout, mayPass } from "./fault.ts";
import { sleep, type Http } from "./http.ts";

export interface FollowOptions {
  /** `now`: it ends with the events that have been. */
  readonly until: "end" | "now";
  /** Go on after this event; from the job's first one if absent. */
  readonly lastEventId?: string | undefined;
  /** How long nobody may answer before this gives up, ms. */
  readonly patienceMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Three times the server's heartbeat of 15 s (E2). */
const SILENT_MS = 45_000;
const RECONNECT_MS = { first: 250, longest: 5_000 };

/** @throws CairnProblem (unknown job), CairnUnreachable, or the reason of the caller's signal */
export async function* followEvents(http: Http, path: string, options: FollowOptions): AsyncGenerator<JobEventView> {
  let lastEventId = options.lastEventId;
  let lastContact = performance.now();
  let pause = RECONNECT_MS.first;
  for (;;) {
    let ended = false;
    try {
      const headers = {
        accept: "text/event-stream",
        ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
      };
      const query: [string, string][] = options.until === "now" ? [["follow", "false"]] : [];
      const call = { method: "GET", path, query, headers, repeatability: "safe", signal: options.signal } as const;
      const body = await http.stream(call);
      if (body === null) return; // E3
      lastContact = performance.now();
      for await (const message of readMessages(body, options.signal)) {
        lastContact = performance.now();
        pause = RECONNECT_MS.first;
        if (message.id !== undefined) lastEventId = message.id; // E1
        const event = JSON.parse(message.data) as JobEventView;
        ended = isFinalState(event.state);
        yield event;
      }
      if (options.until === "now") return; // It was not cut, but read to its end.
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!mayPass(error) || performance.now() - lastContact > options.patienceMs) throw error;
    }
    if (ended) return; // E3
    await sleep(pause, options.signal);
    pause = Math.min(pause * 2, RECONNECT_MS.longest);
  }
}

/** Messages of one connection; ends when it ends, throws when it breaks or is silent (E2). */
async function* readMessages(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<EventSourceMessage> {
  const ready: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => ready.push(message) });
  const text = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const chunk = await readWithin(reader, SILENT_MS);
      signal?.throwIfAborted();
      if (chunk.done) return;
      parser.feed(text.decode(chunk.value, { stream: true }));
      yield* ready.splice(0);
    }
  } finally {
    // Also when the caller leaves its loop: a reader that is only released keeps the connection open.
    await reader.cancel().catch(() => undefined);
  }
}

type Chunk = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

async function readWithin(reader: ReadableStreamDefaultReader<Uint8Array>, ms: number): Promise<Chunk> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silent = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new CairnTimeout(ms, "the event stream said nothing")), ms);
  });
  try {
    return await Promise.race([reader.read(), silent]);
  } finally {
    clearTimeout(timer);
  }
}
