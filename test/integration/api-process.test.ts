/** The processes of an API: upgrades, crashes, drain, and what is left when they end. */
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HttpServer } from "../../api/http-server.ts";
import { LogWriter, openStore } from "../../src/checkpoints/checkpoints.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { childrenOf } from "../support/child-processes.ts";
import { eventually } from "../support/eventually.ts";
import { Fleet } from "../support/fleet.ts";

interface Answer {
  readonly status: number;
  readonly connection: string;
  readonly text: string;
}

function ask(url: string, options: { agent?: Agent; body?: string } = {}): Promise<Answer> {
  const { agent, body } = options;
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      url,
      {
        agent: agent ?? new Agent({ keepAlive: false }),
        ...(body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" } }),
      },
      (incoming) => {
        let text = "";
        incoming.on("data", (chunk: Buffer) => (text += chunk.toString()));
        incoming.on("error", reject);
        incoming.on("end", () =>
          resolve({ status: incoming.statusCode ?? 0, connection: incoming.headers.connection ?? "", text }),
        );
      },
    );
    outgoing.on("error", reject).end(body);
  });
}

describe("API processes", () => {
  let fleet: Fleet;

  beforeAll(async () => {
    fleet = await Fleet.start({ workers: 1 });
  });
  afterAll(async () => {
    await fleet.stop();
  });

  it("says where it is, in a file and to who started it, and takes the file back when it goes", async () => {
    const { url, child } = await fleet.addApi();
    const file = join(fleet.folder, "run", "api.json");
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ url, pid: child.pid });
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(existsSync(file)).toBe(false);
    await expect(ask(`${url}/livez`)).rejects.toThrow("ECONNREFUSED");
  });

  it("replaces its serving processes under load without refusing or losing a request", async () => {
    const { url, child } = await fleet.addApi({ CAIRN_API_PROCESSES: "2" });
    const before = childrenOf(child.pid ?? 0);
    expect(before).toHaveLength(2);
    const kept = new Agent({ keepAlive: true });
    const failures: string[] = [];
    let answered = 0;
    let going = true;
    const callers = [
      // Fresh connections, connections that are kept, and work that takes a while.
      ...Array.from({ length: 3 }, () => (): Promise<Answer> => ask(`${url}/readyz`)),
      ...Array.from(
        { length: 3 },
        () => (): Promise<Answer> => ask(`${url}/v1/tasks/echo/invoke`, { agent: kept, body: "1" }),
      ),
      (): Promise<Answer> => ask(`${url}/v1/tasks/sleep/invoke`, { agent: kept, body: '{"ms":300}' }),
    ].map(async (call) => {
      while (going) {
        try {
          const { status, text } = await call();
          if (status === 200) answered += 1;
          else failures.push(text);
        } catch (error) {
          failures.push(String(error));
        }
        await delay(5);
      }
    });
    child.kill("SIGHUP");
    await eventually("all are new", () => {
      const now = childrenOf(child.pid ?? 0);
      return now.length === 2 && !now.some((pid) => before.includes(pid));
    });
    const [then, enough] = [answered, answered + 50];
    await eventually("the new ones answer too", () => answered >= enough || failures.length > 0);
    going = false;
    await Promise.all(callers);
    kept.destroy();
    expect(failures).toEqual([]);
    expect(then).toBeGreaterThan(0); // It was under load that they were replaced.
    child.kill("SIGKILL");
  });

  it("keeps its socket when a serving process is killed: who connects meanwhile is answered by the next", async () => {
    const { url, child } = await fleet.addApi();
    const [serving] = childrenOf(child.pid ?? 0);
    expect((await ask(`${url}/livez`)).status).toBe(200);
    process.kill(serving ?? 0, "SIGKILL");
    await eventually("it is gone", () => !childrenOf(child.pid ?? 0).includes(serving ?? 0));
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(`${url}/livez`)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    child.kill("SIGKILL");
  });

  it("L3: has room for many that connect at once while it is busy", async () => {
    const { url, child } = await fleet.addApi();
    child.kill("SIGSTOP");
    const sockets = Array.from({ length: 1_000 }, () => connect(Number(new URL(url).port), "127.0.0.1"));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    child.kill("SIGCONT");
    expect((await ask(`${url}/livez`)).status).toBe(200);
    for (const socket of sockets) socket.destroy();
    child.kill("SIGKILL");
  });

  it("SV1: hands what a frozen serving process was handed to the next when it is killed", async () => {
    const { url, child } = await fleet.addApi();
    const [serving] = childrenOf(child.pid ?? 0);
    expect((await ask(`${url}/livez`)).status).toBe(200);
    process.kill(serving ?? 0, "SIGSTOP");
    const waiting = Array.from({ length: 10 }, () => ask(`${url}/livez`));
    await delay(300); // They have been handed to it by then; else they come to the next one all the same.
    process.kill(serving ?? 0, "SIGKILL");
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    child.kill("SIGKILL");
  });

  it("SV2: deals what comes to the others while one is frozen, and to it again when it goes on", async () => {
    const { url, child } = await fleet.addApi({ CAIRN_API_PROCESSES: "2" });
    const [frozen] = childrenOf(child.pid ?? 0);
    process.kill(frozen ?? 0, "SIGSTOP");
    const first = Array.from({ length: 4 }, () => ask(`${url}/livez`));
    await eventually("it is passed over", async () => {
      const answers = await Promise.all(
        Array.from({ length: 4 }, () => Promise.race([ask(`${url}/livez`).then(() => "answered"), delay(1_000)])),
      );
      return answers.every((answer) => answer === "answered");
    });
    process.kill(frozen ?? 0, "SIGCONT");
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    child.kill("SIGKILL");
  });

  it("drains: not ready, each answer closes its connection, what is under way is answered", async () => {
    const { url, child } = await fleet.addApi();
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    expect((await ask(`${url}/readyz`, { agent: kept })).connection).toBe("keep-alive");
    const slow = ask(`${url}/v1/tasks/sleep/invoke`, { body: '{"ms":2500}' });
    await delay(300);
    child.kill("SIGTERM");
    const refused = await eventually("not ready", async () => {
      const answer = await ask(`${url}/readyz`, { agent: kept });
      return answer.status === 503 ? answer : null;
    });
    expect(refused.connection).toBe("close");
    expect(JSON.parse(refused.text)).toMatchObject({ code: "shutting_down" });
    expect(await slow).toMatchObject({ status: 200, text: '{"sleptMs":2500}' });
    expect(await once(child, "exit")).toEqual([0, null]);
    kept.destroy();
  });

  it("sends a log that it has begun to its end while it is replaced", async () => {
    const { url, child } = await fleet.addApi();
    const { job } = await fleet.client.submit({ task: "count", pool: "nobody-there", input: { steps: 1 } });
    const printed = Buffer.alloc(12_000_000, "a line of the log\n");
    const log = new LogWriter({
      store: openStore(`file:${fleet.storeFolder}`),
      ...{ job: job.id, attempt: 7, limit: 2 * printed.length },
    });
    for (let at = 0; at < printed.length; at += 1_000_000) {
      log.append(printed.subarray(at, at + 1_000_000));
      await log.flush();
    }
    const outgoing = httpRequest(`${url}/v1/jobs/${job.id}/logs?attempt=7`).end();
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    const drained = ask(`${url}/v1/jobs/${job.id}/events`); // Events that are followed end then.
    child.kill("SIGHUP");
    expect((await drained).status).toBe(200);
    let bytes = 0;
    for await (const chunk of incoming) bytes += (chunk as Buffer).length;
    expect(bytes).toBe(printed.length);
    child.kill("SIGKILL");
  });

  it("ends with all its processes when its starter is gone, in the middle of a request too", async () => {
    const { url, child } = await fleet.addApi();
    const children = childrenOf(child.pid ?? 0);
    const hanging = ask(`${url}/v1/tasks/sleep/invoke`, { body: '{"ms":50000}' }).catch(() => null);
    await delay(200);
    const exited = once(child, "exit");
    child.disconnect();
    await exited;
    await hanging;
    await eventually("no serving process is left", () => children.every((pid) => !isAlive(pid)));
  });

  it("ends a serving process whose parent was killed", async () => {
    const { child } = await fleet.addApi();
    const children = childrenOf(child.pid ?? 0);
    child.kill("SIGKILL");
    await eventually("no serving process is left", () => children.every((pid) => !isAlive(pid)));
  });

  it("tells the metrics of all its processes, whichever is asked", async () => {
    const { url, child } = await fleet.addApi({ CAIRN_API_PROCESSES: "3" });
    for (let n = 0; n < 12; n += 1) await ask(`${url}/livez`);
    for (let n = 0; n < 3; n += 1) {
      const { text } = await ask(`${url}/metrics`);
      expect(text).toContain('cairn_http_requests_total{route="/livez",method="GET",status="200"} 12');
      expect(text).toContain('cairn_workers{state="ready"} 1');
    }
    child.kill("SIGKILL");
  });
});

describe("slow senders", () => {
  it("are cut off with a problem, also on connections that another process accepted", async () => {
    const server = new HttpServer({
      listen: null,
      clock: systemClock,
      drainMs: 1_000,
      patience: { headMs: 200, requestMs: 400, idleMs: 5_000, lookMs: 50 },
      handle: (incoming) => void incoming.resume(),
      unexpected: () => undefined,
    });
    await server.start();
    const door = createServer({ pauseOnConnect: true }, (socket) => server.accept(socket)).listen(0, "127.0.0.1");
    await once(door, "listening");
    const send = async (text: string): Promise<string> => {
      const socket = connect((door.address() as AddressInfo).port, "127.0.0.1", () => socket.write(text));
      let answer = "";
      socket.on("data", (chunk) => (answer += chunk.toString()));
      await once(socket, "close");
      return answer;
    };
    const [head, body] = await Promise.all([
      send("GET / HTTP/1.1\r\nHost: a\r\n"),
      send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nslow"),
    ]);
    for (const answer of [head, body]) {
      expect(answer).toMatch(/^HTTP\/1.1 408 Request Timeout\r\nContent-Type: application\/problem\+json/);
      expect(answer).toContain('"code":"request_timeout"');
    }
    door.close();
    await server.stop();
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
