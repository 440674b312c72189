/**
 * The replica: a process that answers online requests. Forked by its agent; it holds user code and a connection to
 * Redis, and nothing that anybody would miss.
 *
 * RM1 It ends with its agent: when the channel closes, at once.
 * RM2 Whatever would leave it deaf or half alive (a fatal error, an exception nobody caught) ends it: its agent starts
 *     another one, and the callers' API processes repeat what it had.
 * RM3 SIGINT is the terminal's word to the whole group and left to the agent; SIGTERM drains.
 */
import { DEFAULT_LIMITS } from "../../src/domain/limits.ts";
import { OnlineServer, type ServedTask } from "../../src/online/online.ts";
import { createKeys } from "../../src/redis/keys.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { parseFaultPlan } from "../../src/runtime/fault-points.ts";
import { createLogger, type Logger } from "../../src/runtime/logger.ts";
import { loadTasks } from "../../src/tasks/load-tasks.ts";
import { describeTask } from "../../src/tasks/task-info.ts";
import { checkpointAccess } from "./checkpoint-access.ts";
import type { FromReplica, ReplicaAssignment, ToReplica } from "./protocol.ts";

const STATUS_MS = 1_000;

function say(message: FromReplica): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}

class Replica {
  #server: OnlineServer | null = null;
  #log: Logger = createLogger({ level: "info", process: "replica" });
  #draining = false;
  #running = 0;

  hear(message: ToReplica): void {
    if (message.kind === "drain") void this.drain();
    else void this.#serve(message.assignment).catch((error: unknown) => this.die(error, "replica cannot serve"));
  }

  /** RP2 */
  async drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    await this.#server?.drain();
    await say({ kind: "drained" });
    process.exit(0);
  }

  /** RM2 */
  die(error: unknown, message: string): void {
    this.#log.fatal({ err: error }, message);
    process.exit(1);
  }

  async #serve(assignment: ReplicaAssignment): Promise<void> {
    const { replicaId, workerId, builtins, taskModules } = assignment;
    this.#log = createLogger({ level: assignment.logLevel, process: "replica" }).child({
      worker: workerId,
      replica: replicaId,
    });
    const tasks = await loadTasks({ builtins, modules: taskModules });
    const served: ServedTask[] = [];
    for (const task of tasks.values()) {
      if (task.class === "online") served.push({ task, definition: describeTask(task).definition });
    }
    const server = new OnlineServer({
      redisUrl: assignment.redisUrl,
      keys: createKeys(assignment.redisPrefix),
      clock: systemClock,
      log: this.#log,
      faults: parseFaultPlan(assignment.faults),
      workerId,
      replicaId,
      zone: assignment.zone,
      slots: assignment.slots,
      tasks: served,
      maxOutput: DEFAULT_LIMITS.inlineBytes,
      latestCheckpoint: checkpointAccess(assignment),
      onFatal: (error) => this.die(error, "replica is deaf"),
      onUnfit: (why) => {
        this.#log.error({ why }, "others find that this replica does not work");
        void say({ kind: "unfit", why });
      },
    });
    await server.start();
    this.#server = server;
    setInterval(() => this.#report(), STATUS_MS / 4).unref();
    await say({ kind: "ready", replicaId });
    this.#log.info({ tasks: served.map(({ task }) => task.name), slots: assignment.slots }, "replica serves");
  }

  #ticks = 0;
  #report(): void {
    const running = this.#server?.inFlight ?? 0;
    this.#ticks += 1;
    const turned = (running === 0) !== (this.#running === 0);
    if (!turned && this.#ticks % 4 !== 0) return;
    this.#running = running;
    void say({ kind: "status", running });
  }
}

const replica = new Replica();
process.on("message", (message) => replica.hear(message as ToReplica));
process.on("disconnect", () => process.exit(0)); // RM1
process.on("SIGINT", () => undefined); // RM3
process.on("SIGTERM", () => void replica.drain());
process.on("uncaughtException", (error) => replica.die(error, "exception nobody caught"));
