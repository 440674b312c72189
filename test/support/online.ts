/**
 * The online path for a test: real replica processes (of `dist/`, so build first), coordinators in this process or in
 * processes of their own. All that was started is ended by `stop`.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { NO_STORE_ACCESS } from "../../src/checkpoints/checkpoints.ts";
import { OnlineCoordinator, type InvokeRequest } from "../../src/online/online.ts";
import { createKeys, type Keys } from "../../src/redis/keys.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { parseFaultPlan } from "../../src/runtime/fault-points.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { loadTasks } from "../../src/tasks/load-tasks.ts";
import { describeTask } from "../../src/tasks/task-info.ts";
import type { FromReplica, ReplicaAssignment } from "../../workers/replica/protocol.ts";
import { eventually } from "./eventually.ts";

/** Benches are compiled, and then lie in `dist/` themselves. */
const DIST = import.meta.url.includes("/dist/test/") ? "../../" : "../../dist/";
const REPLICA = fileURLToPath(new URL(`${DIST}workers/replica/main.js`, import.meta.url));
const TASKS = fileURLToPath(new URL("online-tasks.mjs", import.meta.url));
/** A second version of the tasks: another definition of the same name. */
export const NEWER_TASKS = fileURLToPath(new URL("online-tasks-newer.mjs", import.meta.url));

export interface TestReplica {
  readonly id: string;
  readonly child: ChildProcess;
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Asks it to drain; resolves when it has exited. */
  drain(): Promise<number | null>;
}

let serial = 0;

export class OnlineBed {
  readonly redisUrl: string;
  readonly prefix = `t${process.pid}-${(serial += 1)}`;
  readonly keys: Keys = createKeys(this.prefix);
  readonly #replicas = new Set<TestReplica>();
  readonly #coordinators = new Set<OnlineCoordinator>();
  readonly #modules: readonly string[];
  #replicaSerial = 0;

  constructor(redisUrl: string, modules: readonly string[] = [TASKS]) {
    this.redisUrl = redisUrl;
    this.#modules = modules;
  }

  async replica(
    options: Partial<Pick<ReplicaAssignment, "slots" | "faults" | "workerId" | "taskModules">> = {},
  ): Promise<TestReplica> {
    this.#replicaSerial += 1;
    const id = `r${this.#replicaSerial}`;
    const child = fork(REPLICA, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const { pid } = child;
    if (pid === undefined) throw new Error("no replica process");
    const assignment: ReplicaAssignment = {
      workerId: `w${this.#replicaSerial}`,
      replicaId: id,
      zone: null,
      redisUrl: this.redisUrl,
      batchRedisUrl: this.redisUrl,
      redisPrefix: this.prefix,
      storeUrl: "file:/nonexistent",
      storeAccess: NO_STORE_ACCESS,
      taskModules: this.#modules,
      builtins: "on",
      slots: 16,
      logLevel: "silent",
      faults: "",
      ...options,
    };
    const replica: TestReplica = {
      id,
      child,
      pid,
      kill: (signal) => void process.kill(pid, signal),
      drain: async () => {
        const exited = once(child, "exit") as Promise<[number | null]>;
        child.send({ kind: "drain" });
        return (await exited)[0];
      },
    };
    this.#replicas.add(replica);
    child.send({ kind: "assignment", assignment });
    await new Promise<void>((resolve, reject) => {
      child.on("message", (message) => {
        if ((message as FromReplica).kind === "ready") resolve();
      });
      child.once("exit", (code) => reject(new Error(`replica ${id} exited with ${code} before it was ready`)));
    });
    return replica;
  }

  /** @param faults plan of fault points (`runtime/fault-points.ts`) */
  async coordinator(name = "api", faults = ""): Promise<TestCoordinator> {
    const coordinator = new OnlineCoordinator({
      faults: parseFaultPlan(faults),
      redisUrl: this.redisUrl,
      keys: this.keys,
      clock: systemClock,
      log: createLogger({ level: "silent", process: "test" }),
      apiId: `${name}-${process.pid}-${(serial += 1)}`,
    });
    this.#coordinators.add(coordinator);
    await coordinator.start();
    return new TestCoordinator(coordinator, await definitionsOf(this.#modules));
  }

  /** Some replicas, those that live already among them, and one new coordinator that sees them all. */
  async start(count: number): Promise<{ readonly api: TestCoordinator; readonly replicas: readonly TestReplica[] }> {
    await this.#stopCoordinators();
    const living = [...this.#replicas].filter(({ child }) => child.exitCode === null && child.signalCode === null);
    const fresh = Array.from({ length: count - living.length }, () => this.replica());
    const replicas = [...living, ...(await Promise.all(fresh))];
    const api = await this.coordinator();
    await api.sees(count);
    return { api, replicas };
  }

  async #stopCoordinators(): Promise<void> {
    await Promise.all([...this.#coordinators].map((one) => one.stop()));
    this.#coordinators.clear();
  }

  async stop(): Promise<void> {
    await this.#stopCoordinators();
    const gone = [...this.#replicas].map(async ({ child, pid }) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      process.kill(pid, "SIGKILL");
      await exited;
    });
    await Promise.all(gone);
    this.#replicas.clear();
  }
}

/** A coordinator with the definitions of the test's tasks at hand. */
export class TestCoordinator {
  readonly coordinator: OnlineCoordinator;
  readonly #definitions: ReadonlyMap<string, { readonly definition: string; readonly idempotent: boolean | null }>;

  constructor(coordinator: OnlineCoordinator, definitions: TestCoordinator["definitions"]) {
    this.coordinator = coordinator;
    this.#definitions = definitions;
  }

  get definitions(): ReadonlyMap<string, { readonly definition: string; readonly idempotent: boolean | null }> {
    return this.#definitions;
  }

  request(task: string, input: unknown, options: Partial<InvokeRequest> = {}): InvokeRequest {
    const definition = this.#definitions.get(task);
    if (definition === undefined) throw new Error(`no task ${task}`);
    return { task, definitions: [definition], input: JSON.stringify(input), deadlineMs: 10_000, ...options };
  }

  invoke(task: string, input: unknown, options: Partial<InvokeRequest> = {}): ReturnType<OnlineCoordinator["invoke"]> {
    return this.coordinator.invoke(this.request(task, input, options));
  }

  /** Waits until it knows `count` replicas that take work. */
  async sees(count: number, task = "echo"): Promise<void> {
    await eventually(
      `${count} replicas of ${task}`,
      () => this.coordinator.replicasOf(task).ready.length === count || null,
    );
  }
}

export async function definitionsOf(modules: readonly string[]): Promise<TestCoordinator["definitions"]> {
  const tasks = await loadTasks({ builtins: "on", modules });
  return new Map(
    [...tasks.values()].map((task) => {
      const { definition, idempotent } = describeTask(task);
      return [task.name, { definition, idempotent }];
    }),
  );
}
