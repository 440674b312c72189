/**
 * The online side of an agent: keeps its replicas alive, and at work.
 *
 * RK1 A replica that ends is replaced, at once the first time, then after pauses that grow while it keeps ending soon.
 * RK2 A replaced replica has a new id: callers must not mistake it for the one that had their request.
 * RK3 A replica that lives and does not work is replaced too: one that an API process has found to take or answer
 *     nothing, and one whose event loop has not turned for ten seconds. Its successor starts at once; itself is asked
 *     to drain, so that what it still does is finished, and ended after longer than any deadline may be.
 * RK4 The ten seconds are counted in turns of the agent's own timer: a pause of the agent, or of the machine, is not
 *     the replica's.
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
/** RK4 */
const TICK_MS = 1_000;
const SILENT_TICKS = 10;
/** RK3 */
const RETIRE_MS = 65_000;
/** What was wrong is told for so long. */
const TROUBLE_MS = 60_000;

/** Why a replica had to be replaced. `ended`: by itself; `unfit`: API processes said so; `stuck`: it did not turn. */
export type ReplacementReason = "ended" | "unfit" | "stuck";

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
  readonly id: string;
  readonly child: ChildProcess;
  running: number;
  /** Null: not ready yet. */
  silentTicks: number | null;
  readonly replace: (end: End) => void;
}

interface End {
  readonly why: ReplacementReason;
  readonly detail: string;
}

export class ReplicaKeeper implements Service {
  readonly name = "replicas";
  readonly #options: ReplicaKeeperOptions;
  readonly #replicas = new Set<Replica>();
  readonly #retiring = new Set<Promise<unknown>>();
  readonly #replaced: Record<ReplacementReason, number> = { ended: 0, unfit: 0, stuck: 0 };
  #trouble: { readonly text: string; readonly atMs: number } | null = null;
  #keeping: Promise<unknown> = Promise.resolve();
  #leaving = new AbortController();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: ReplicaKeeperOptions) {
    this.#options = options;
  }

  /** Resolves when all replicas serve. */
  async start(): Promise<void> {
    this.#leaving = new AbortController();
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
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
    await this.#gone();
  }

  /** Ends what still runs; a drain comes before. */
  async stop(): Promise<void> {
    this.#leaving.abort();
    for (const { child } of this.#replicas) child.kill("SIGKILL");
    await this.#gone();
  }

  get pids(): number[] {
    return [...this.#replicas].flatMap(({ child }) => (child.pid === undefined ? [] : [child.pid]));
  }

  get running(): number {
    return [...this.#replicas].reduce((sum, replica) => sum + replica.running, 0);
  }

  /** How often a replica had to be replaced since this agent started, by why. */
  get replaced(): Readonly<Record<ReplacementReason, number>> {
    return this.#replaced;
  }

  /** What was wrong with a replica of late, in words; null: nothing. */
  get trouble(): string | null {
    const { clock } = this.#options;
    if (this.#trouble !== null && clock.monotonicMs() - this.#trouble.atMs > TROUBLE_MS) this.#trouble = null;
    return this.#trouble?.text ?? null;
  }

  async #gone(): Promise<void> {
    await this.#keeping;
    await Promise.all(this.#retiring);
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** RK1 */
  async #keep(onFirstReady: () => void): Promise<void> {
    const { clock, logger, random } = this.#options;
    let soon = 0;
    while (!this.#leaving.signal.aborted) {
      const startedMs = clock.monotonicMs();
      const { replica, end } = await this.#run(onFirstReady);
      if (this.#hasLeft()) break;
      soon = clock.monotonicMs() - startedMs > SETTLED_MS ? 0 : soon + 1;
      const { why, detail } = end;
      this.#replaced[why] += 1;
      this.#trouble = { text: `replica ${replica.id} was replaced: ${detail}`, atMs: clock.monotonicMs() };
      logger.warn({ replica: replica.id, pid: replica.child.pid, why, detail }, "replica is replaced");
      if (why !== "ended") this.#retire(replica);
      if (soon > 1) await clock.sleep(backoffMs(RESTART, soon - 1, random()), this.#leaving.signal);
    }
    onFirstReady();
  }

  /** Starts a replica; resolves when another one has to take its place. */
  async #run(onReady: () => void): Promise<{ readonly replica: Replica; readonly end: End }> {
    const { fork, workerId, assignment } = this.#options;
    const replicaId = `${workerId}.${randomBytes(4).toString("hex")}`; // RK2
    const child = fork();
    let replace: (end: End) => void = () => undefined;
    const replaced = new Promise<End>((resolve) => (replace = resolve));
    const replica: Replica = { id: replicaId, child, running: 0, silentTicks: null, replace };
    this.#replicas.add(replica);
    child.on("message", (message) => this.#hear(replica, message as FromReplica, onReady));
    tell(child, { kind: "assignment", assignment: { ...assignment, workerId, replicaId } });
    const gone = ended(child).then(({ code, signal }): End => {
      this.#replicas.delete(replica);
      return {
        why: "ended",
        detail: signal === null ? `it ended with code ${code ?? "?"}` : `it was ended by ${signal}`,
      };
    });
    return { replica, end: await Promise.race([gone, replaced]) };
  }

  #hear(replica: Replica, said: FromReplica, onReady: () => void): void {
    if (said.kind === "ready") {
      replica.silentTicks = 0;
      onReady();
      return;
    }
    if (replica.silentTicks !== null) replica.silentTicks = 0;
    if (said.kind === "status") replica.running = said.running;
    else if (said.kind === "unfit") replica.replace({ why: "unfit", detail: `it ${said.why}` });
  }

  /** RK4 */
  #tick(): void {
    for (const replica of this.#replicas) {
      if (replica.silentTicks === null) continue;
      replica.silentTicks += 1;
      if (replica.silentTicks !== SILENT_TICKS) continue;
      replica.replace({ why: "stuck", detail: `its event loop has not turned for ${SILENT_TICKS} s` });
    }
  }

  /** RK3 */
  #retire(replica: Replica): void {
    const { clock, logger } = this.#options;
    const { child, id } = replica;
    tell(child, { kind: "drain" });
    const retired = new AbortController();
    const retiring = ended(child).finally(() => retired.abort());
    this.#retiring.add(retiring);
    void retiring.finally(() => this.#retiring.delete(retiring));
    void clock.sleep(RETIRE_MS, retired.signal).then(() => {
      if (retired.signal.aborted) return;
      logger.warn({ replica: id, pid: child.pid }, "replaced replica does not leave, and is ended");
      child.kill("SIGKILL");
    });
  }

  #hasLeft(): boolean {
    return this.#leaving.signal.aborted;
  }
}
