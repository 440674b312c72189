/** A job's events as Server-Sent Events: from the first one, from where a reader was, and over restarts of the API. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Job, JobEventView } from "../../src/contract/job.ts";
import { ApiCaller } from "../support/api-caller.ts";
import { childrenOf } from "../support/child-processes.ts";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";

interface Stream {
  readonly events: JobEventView[];
  readonly incoming: IncomingMessage;
  /** Resolves when the server ends it, or the connection breaks. */
  readonly over: Promise<void>;
}

describe("events of a job", () => {
  let fleet: Fleet;
  let api: ApiCaller;

  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 1 });
    api = await ApiCaller.open(fleet.client.url);
  });
  afterAll(async () => {
    api.close();
    await fleet.stop();
  });

  const submit = async (steps: number, stepMs: number): Promise<string> =>
    (
      await api.json<Job>(202, {
        method: "POST",
        path: "/v1/jobs",
        body: { task: "count", input: { steps, stepMs }, checkpoint: { intervalMs: 300 } },
      })
    ).id;

  const collected = async (source: AsyncIterable<JobEventView>): Promise<JobEventView[]> => {
    const events: JobEventView[] = [];
    for await (const event of source) events.push(event);
    return events;
  };

  function open(url: string, job: string, lastEventId?: string): Promise<Stream> {
    return new Promise((resolve, reject) => {
      const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
      const outgoing = httpRequest(`${url}/v1/jobs/${job}/events`, { headers }, (incoming) => {
        const events: JobEventView[] = [];
        let rest = "";
        incoming.setEncoding("utf8").on("data", (chunk: string) => {
          const parts = (rest + chunk).split("\n\n");
          rest = parts.pop() ?? "";
          for (const part of parts) {
            const data = /^data: (.*)$/m.exec(part)?.[1];
            if (data === undefined) continue;
            const event = JSON.parse(data) as JobEventView;
            expect(/^id: (.*)$/m.exec(part)?.[1]).toBe(event.id);
            events.push(event);
          }
        });
        const over = new Promise<void>((done) => incoming.once("close", done).once("error", () => done()));
        resolve({ events, incoming, over });
      });
      outgoing.once("error", reject).end();
    });
  }

  it("tells all of a job from its first event on, ends after the last, and says to stay away then", async () => {
    const id = await submit(5, 20);
    const reply = await api.call({ path: `/v1/jobs/${id}/events` });
    expect(reply.headers["content-type"]).toBe("text/event-stream");
    expect(reply.text).toMatch(/^retry: \d+\n\n/);
    const events = reply.text
      .split("\n")
      .filter((line) => line.startsWith("data: "))
      .map((line) => JSON.parse(line.slice(6)) as JobEventView);
    expect(events[0]).toMatchObject({ job: id, type: "submitted", state: "queued" });
    expect(events.at(-1)).toMatchObject({ type: "succeeded", state: "succeeded" });
    const again = await api.call({ path: `/v1/jobs/${id}/events` });
    expect(again.text).toBe(reply.text);
    const last = events.at(-1)?.id ?? "";
    expect((await api.call({ path: `/v1/jobs/${id}/events`, headers: { "last-event-id": last } })).status).toBe(204);
    expect(await collected(fleet.client.history(id))).toEqual(events);
    const rest = await api.call({ path: `/v1/jobs/${id}/events?after=${events[0]?.id ?? ""}` });
    expect(rest.text).not.toContain(`"type":"submitted"`);
    expect(rest.text).toContain(`"type":"succeeded"`);
  });

  it("tells an event soon after it happened, to every reader of any API process", async () => {
    const other = await fleet.addApi();
    const id = await submit(2_000, 20);
    const streams = await Promise.all([open(api.url, id), open(api.url, id), open(other.url, id)]);
    await eventually("all saw it run", () =>
      streams.every(({ events }) => events.some(({ state }) => state === "running")),
    );
    const soFar = await collected(fleet.client.history(id)); // It ends, though the job does not.
    expect(soFar.slice(0, 2).map(({ type }) => type)).toEqual(["submitted", "leased"]);
    await api.call({ method: "POST", path: `/v1/jobs/${id}/cancel` });
    await Promise.all(streams.map(({ over }) => over));
    const [first] = streams;
    for (const { events } of streams) expect(events).toEqual(first.events);
    expect(first.events.at(-1)?.state).toBe("cancelled");
  });

  it(
    "misses nothing and repeats nothing for a reader that is cut off while the API restarts",
    { timeout: 150_000 },
    async () => {
      const server = await fleet.addApi();
      // Longer than all cuts take, however slow the machine is; it is cancelled after the last.
      const id = await submit(100_000, 20);
      const seen: JobEventView[] = [];
      const cuts: (() => void)[] = [
        // An upgrade replaces the serving process and ends its streams; then it is killed; then all of the API is.
        () => server.child.kill("SIGHUP"),
        () => killServing(server.child.pid ?? 0),
        () => server.child.kill("SIGKILL"),
      ];
      let url = server.url;
      for (;;) {
        const stream = await eventually("somebody answers", async () =>
          open(url, id, seen.at(-1)?.id).catch(() => ((url = api.url), null)),
        );
        if (stream.incoming.statusCode === 204) break;
        // A process that is about to go ends a stream at once: then the next one is asked.
        let over = false;
        void stream.over.then(() => (over = true));
        await eventually("an event came, or the stream ended", () => stream.events.length > 0 || over);
        if (stream.events.length > 0) {
          const cut = cuts.shift() ?? ((): void => void api.call({ method: "POST", path: `/v1/jobs/${id}/cancel` }));
          cut();
        }
        await stream.over;
        seen.push(...stream.events);
      }
      expect(cuts).toEqual([]);
      const whole = await open(api.url, id);
      await whole.over;
      expect(seen).toEqual(whole.events);
      expect(seen.at(-1)?.state).toBe("cancelled");
    },
  );

  it("ends the streams of a job that is deleted", async () => {
    const id = await submit(1, 0);
    await fleet.job(id, "ends", ({ state }) => state === "succeeded");
    expect((await api.call({ method: "DELETE", path: `/v1/jobs/${id}` })).status).toBe(204);
    expect((await api.problem({ path: `/v1/jobs/${id}/events` })).code).toBe("unknown_job");
  });
});

/** Kills the serving processes of an API: its one child, and the one before it if that has not quite left. */
function killServing(parent: number): void {
  for (const pid of childrenOf(parent)) process.kill(pid, "SIGKILL");
}
