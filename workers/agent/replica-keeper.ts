/**
 * The online side of an agent: keeps its replicas alive.
 *
 * RK1 A replica that ends is replaced, at once the first time, then after pauses that grow while it keeps ending soon.
 * RK2 A replaced replica has a new id: callers must not mistake it for the one that had their request.
 */
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { backoffMs, type BackoffRule } from "../../src/domain/retry.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import type { Logger } from "../../src/runtime/logger.ts";
import type { Service } from "../../src/runtime/service.ts";
import type { FromReplica, ReplicaAssignment } from "../replica/protocol.ts";
import { ended, tell } from "./children.ts";

const RESTART: BackoffRule = { initialMs: 100, factor: 2, maxMs: 10_000, jitter: 0.2 };
/** A replica that lived so long did not end because of how it starts. */
const SETTLED_MS = 10_000;

export interface ReplicaKeeperOptions {
  readonly count: number;
  readonly workerId: string;
  readonly assignment: Omit<ReplicaAssignment, "replicaId" | "workerId">;
  readonly fork: () => ChildProcess;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

interface Replica {
  readonly child: ChildProcess;
  running: number;
}

export class ReplicaKeeper implements Service {
  readonly name = "replicas";
  readonly #options: ReplicaKeeperOptions;
  readonly #replicas = new Set<Replica>();
  #keeping: Promise<unknown> = Promise.resolve();
  #leaving = new AbortController();

  constructor(options: ReplicaKeeperOptions) {
    this.#options = options;
  }

  /** Resolves when all replicas serve. */
  async start(): Promise<void> {
    this.#leaving = new AbortController();
    const first: Promise<void>[] = [];
    const kept: Promise<void>[] = [];
    for (let i = 0; i < this.#options.count; i += 1) {
      first.push(new Promise((resolve) => kept.push(this.#keep(resolve))));
    }
    this.#keeping = Promise.all(kept);
    await Promise.all(first);
  }

  /** Drains all: they finish what they have, then exit. */
  async drain(): Promise<void> {
    this.#leaving.abort();
    for (const { child } of this.#replicas) tell(child, { kind: "drain" });
    await this.#keeping;
  }

  /** Ends what still runs; a drain comes before. */
  async stop(): Promise<void> {
    this.#leaving.abort();
    for (const { child } of this.#replicas) child.kill("SIGKILL");
    await this.#keeping;
  }

  get pids(): number[] {
    return [...this.#replicas].flatMap(({ child }) => (child.pid === undefined ? [] : [child.pid]));
  }

  get running(): number {
    return [...this.#replicas].reduce((sum, replica) => sum + replica.running, 0);
  }

  /** RK1 */
  async #keep(onFirstReady: () => void): Promise<void> {
    const { clock, logger, random } = this.#options;
    let soon = 0;
    while (!this.#leaving.signal.aborted) {
      const startedMs = clock.monotonicMs();
      const exit = await this.#run(onFirstReady);
      if (this.#hasLeft()) break;
      soon = clock.monotonicMs() - startedMs > SETTLED_MS ? 0 : soon + 1;
      logger.warn({ ...exit }, "replica ended, another takes its place");
      if (soon > 1) await clock.sleep(backoffMs(RESTART, soon - 1, random()), this.#leaving.signal);
    }
    onFirstReady();
  }

  async #run(onReady: () => void): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
    const { fork, workerId, assignment } = this.#options;
    const replicaId = `${workerId}.${randomBytes(4).toString("hex")}`; // RK2
    const replica: Replica = { child: fork(), running: 0 };
    this.#replicas.add(replica);
    replica.child.on("message", (message) => {
      const said = message as FromReplica;
      if (said.kind === "ready") onReady();
      else if (said.kind === "status") replica.running = said.running;
    });
    tell(replica.child, { kind: "assignment", assignment: { ...assignment, workerId, replicaId } });
    const exit = await ended(replica.child);
    this.#replicas.delete(replica);
    return exit;
  }

  #hasLeft(): boolean {
    return this.#leaving.signal.aborted;
  }
}
