/** Refusals for want of room, as a client of HTTP sees them: when they come, their headers, and the connection after. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Problem } from "../../src/contract/problem.ts";
import { ApiCaller, type Call, type Reply } from "../support/api-caller.ts";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";

const TASKS = fileURLToPath(new URL("../support/online-tasks.mjs", import.meta.url));
const PATH = "/v1/tasks/narrow/invoke";
/** Too little for a task that takes 100 ms and has others before it. */
const SHORT = { "request-timeout-ms": "120" };

describe("a task whose only place is taken", () => {
  let fleet: Fleet;
  let api: ApiCaller;
  let folder: string;
  const taken = new AbortController();

  const call = (ms: number, headers: Record<string, string>): Call => ({
    method: "POST",
    path: PATH,
    headers,
    body: { ms, file: join(folder, "notes") },
  });
  /** Takes the place, or waits for it, until all tests are over. */
  const occupy = (caller: string): void => {
    const { body } = call(60_000, {});
    const headers = { "content-type": "application/json", "cairn-caller": caller, "request-timeout-ms": "60000" };
    fetch(`${api.url}${PATH}`, { method: "POST", headers, body: JSON.stringify(body), signal: taken.signal }).catch(
      () => undefined,
    );
  };
  const refusal = (label: string, headers: Record<string, string>, status: number): Promise<Reply> =>
    eventually(label, async () => {
      const reply = await api.call(call(1, { ...SHORT, ...headers }));
      return reply.status === status ? reply : null;
    });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cairn-overload-"));
    fleet = await Fleet.start({ workers: 1, settings: { CAIRN_TASKS: TASKS, CAIRN_BATCH_SLOTS: "0" } });
    api = await ApiCaller.open(fleet.client.url);
    for (let n = 0; n < 12; n += 1) await api.json(200, call(100, {})); // By now it is known how long one takes.
    for (let n = 0; n < 4; n += 1) occupy("greedy");
    occupy("modest");
  });
  afterAll(async () => {
    taken.abort();
    api.close();
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  it("is refused to others with 503 and when to come again", async () => {
    const { headers, text } = await refusal("no capacity", { "cairn-caller": "third" }, 503);
    expect(JSON.parse(text)).toMatchObject({ code: "no_capacity", status: 503 });
    expect(Number(headers["retry-after"])).toBeGreaterThanOrEqual(1);
    expect(headers["ratelimit"]).toBeUndefined();
    expect(headers["server-timing"]).toContain('attempts;desc="0"');
  });

  it("is refused to who has more than its share with 429, its share, and when to come again", async () => {
    const { headers } = await refusal("over share", { "cairn-caller": "greedy" }, 429);
    expect(headers["ratelimit-policy"]).toMatch(/^"share";q=\d+;qu="concurrent-requests"$/);
    const left = /^"share";r=0;t=(\d+)$/.exec(String(headers["ratelimit"]));
    expect(headers["retry-after"]).toBe(left?.[1]);
  });

  it("is refused before the body is read: what it holds is not looked at", async () => {
    await refusal("no capacity", { "cairn-caller": "third" }, 503);
    const reply = await api.problem({ ...call(1, { ...SHORT, "cairn-caller": "third" }), body: { wrong: true } });
    expect(reply.code).toBe("no_capacity");
  });

  it.each([
    { size: "small", bytes: 1_000, after: "stays" },
    { size: "large", bytes: 200_000, after: "is closed in order" },
  ])("answers before a $size body has come, and the connection $after", async ({ bytes, after }) => {
    await refusal("no capacity", { "cairn-caller": "third" }, 503);
    const client = await RawClient.open(api.url);
    const head = (length: number): string =>
      `POST ${PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nCairn-Caller: third\r\n` +
      `Request-Timeout-Ms: 120\r\nContent-Length: ${length}\r\n\r\n`;
    client.write(head(bytes));
    const first = await client.answer();
    expect(first.problem.code).toBe("no_capacity");
    client.write("x".repeat(bytes));
    if (after === "stays") {
      client.write(head(2) + "{}");
      expect((await client.answer()).problem.code).toBe("no_capacity");
      client.close();
    } else {
      expect(first.head).toMatch(/\r\nconnection: close/i);
      expect(await client.ended).toBe("in order");
    }
  });
});

/** A connection, byte by byte. */
class RawClient {
  readonly ended: Promise<"in order" | "reset">;
  readonly #socket: Socket;
  #text = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => (this.#text += chunk.toString("latin1")));
    this.ended = new Promise((resolve) => {
      socket.once("end", () => resolve("in order"));
      socket.once("error", () => resolve("reset"));
    });
  }

  static async open(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    const client = new RawClient(socket);
    await new Promise((resolve) => socket.once("connect", resolve));
    return client;
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** The next answer, whole. */
  async answer(): Promise<{ readonly head: string; readonly problem: Problem }> {
    const [head, body] = await eventually("an answer", () => {
      const end = this.#text.indexOf("\r\n\r\n") + 4;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#text)?.[1] ?? Number.POSITIVE_INFINITY);
      return end >= 4 && this.#text.length >= end + length
        ? ([this.#text.slice(0, end), this.#text.slice(end, end + length)] as const)
        : null;
    });
    this.#text = this.#text.slice(head.length + body.length);
    return { head, problem: JSON.parse(body) as Problem };
  }

  close(): void {
    this.#socket.destroy();
  }
}
