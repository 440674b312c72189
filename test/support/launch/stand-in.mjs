/**
 * Stands in for `cairn api` and `cairn worker` where only the supervisor is tested: a real process that says it is
 * ready, serves its port, and writes down what happens to it, one JSON line each, into the file STAND_IN_EVENTS.
 *
 * Workers start a process in a group of its own that is deaf to SIGTERM, as a runner may be. STAND_IN_DRAIN names
 * how a worker takes a SIGTERM: `at_once`, or `when_told_twice`.
 */
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";

const [role, , id] = process.argv.slice(2);
const name = id ?? role;
const write = (event, more = {}) =>
  appendFileSync(process.env.STAND_IN_EVENTS, `${JSON.stringify({ name, pid: process.pid, event, ...more })}\n`);

if (role === "broken") {
  console.error("This cannot work: no such flag.");
  process.exit(3);
}

if (role === "api") {
  const port = Number(process.env.CAIRN_PORT);
  const server = createServer((_request, response) => response.end(String(process.pid)));
  server.listen(port, "127.0.0.1", () =>
    process.send({ kind: "ready", url: `http://127.0.0.1:${port}`, pid: process.pid }),
  );
  process.on("SIGTERM", () => {
    write("SIGTERM");
    process.exit(0);
  });
} else {
  const deaf = spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], {
    detached: true,
    stdio: "ignore",
  });
  write("started", { runner: deaf.pid, redis: process.env.CAIRN_REDIS_URL });
  console.log(JSON.stringify({ level: 30, msg: "not worth a line at the terminal" }));
  console.log(JSON.stringify({ level: 40, time: new Date().toISOString(), msg: "the disk is slow", job: "j1" }));
  let told = 0;
  process.on("SIGTERM", () => {
    told += 1;
    write("SIGTERM");
    if (process.env.STAND_IN_DRAIN === "when_told_twice" && told < 2) return;
    deaf.kill("SIGKILL");
    process.exit(0);
  });
  setInterval(() => {}, 1_000);
  process.send({ kind: "ready", workerId: id, pid: process.pid });
}
