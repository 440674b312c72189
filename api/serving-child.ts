/**
 * One serving process as the parent sees it.
 *
 * SV1 A connection is kept open here until the process has said that it has it, before it reads from it. One that it
 *     never had, because it died or was frozen before, is dealt out again when the process is gone for certain: when
 *     its channel has closed, behind all that it said.
 * SV2 A process that does not take what it is handed does not serve: others get what comes meanwhile.
 */
import { fork, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { MetricsSnapshot } from "./metrics-gather.ts";
import type { FromServing, ToServing } from "./parent-protocol.ts";

/** How long another process may take to tell its metrics, ms. */
const METRICS_WITHIN_MS = 1_000;
/** SV2. Beyond any turn of an event loop that is well, ms. */
const TAKES_WITHIN_MS = 500;

interface Handed {
  readonly atMs: number;
  readonly socket: Socket;
  readonly lost: () => void;
}

export interface ServingChildEvents {
  onReady(child: ServingChild): void;
  /** Its checkpoint store is not the fleet's; it ends. */
  onForeignStore(child: ServingChild, message: string): void;
  /** It has ended, whether it was asked to or not. */
  onExit(child: ServingChild, how: string): void;
  /** It wants the metrics of the others. */
  others(child: ServingChild): Promise<readonly MetricsSnapshot[]>;
}

export class ServingChild {
  /** Resolves when the process has ended. */
  readonly exited: Promise<void>;
  readonly #process: ChildProcess;
  readonly #wanted = new Map<number, (snapshot: MetricsSnapshot | null) => void>();
  /** Connections that it has not said to have, oldest first (SV1). */
  readonly #handed = new Map<number, Handed>();
  #state: "starting" | "ready" | "leaving" | "gone" = "starting";
  #questions = 0;
  #connections = 0;

  constructor(entry: URL, events: ServingChildEvents) {
    this.#process = fork(entry);
    this.#process.on("message", (message) => this.#hear(message as FromServing, events));
    // A message to a process that has just died fails; its `exit` says the rest.
    this.#process.on("error", () => undefined);
    // After `exit`, which may come before what the process has said is read; `disconnect` does not come at all when
    // the process dies with a connection on the way to it.
    this.#process.once("close", () => {
      const left = [...this.#handed.values()];
      this.#handed.clear();
      for (const { lost } of left) lost(); // SV1
    });
    this.exited = new Promise((resolve) => {
      this.#process.once("exit", (code, signal) => {
        this.#state = "gone";
        for (const answer of this.#wanted.values()) answer(null);
        events.onExit(this, signal ?? `code ${code ?? "none"}`);
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Does it take connections? */
  get serves(): boolean {
    return this.#state === "ready" && this.#process.connected;
  }

  /** Is it, or will it be, one of those that serve? */
  get stays(): boolean {
    return this.#state === "starting" || this.#state === "ready";
  }

  /** Does it take what it is handed (SV2)? */
  get takes(): boolean {
    const [oldest] = this.#handed.values();
    return oldest === undefined || performance.now() - oldest.atMs < TAKES_WITHIN_MS;
  }

  /** Hands a connection over. @param lost is called when it is certain that the process never had it (SV1) */
  take(socket: Socket, lost: () => void): void {
    this.#connections += 1;
    const id = this.#connections;
    this.#handed.set(id, { atMs: performance.now(), socket, lost });
    // That it cannot be sent means that the process is gone, of which `close` tells.
    this.#process.send({ kind: "connection", id } satisfies ToServing, socket, { keepOpen: true }, () => undefined);
  }

  /** It may still get connections, and closes each with its first answer. */
  drain(): void {
    this.#tell({ kind: "drain" });
  }

  /** It gets no connection any more, ends what it has and exits; killed after `withinMs`. */
  async stop(withinMs: number): Promise<void> {
    if (this.#state === "gone") return;
    this.#state = "leaving";
    this.#tell({ kind: "stop" });
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), withinMs);
    await this.exited;
    clearTimeout(timer);
  }

  /** Its metrics; null when it does not tell them in time. */
  metrics(): Promise<MetricsSnapshot | null> {
    if (!this.serves) return Promise.resolve(null);
    this.#questions += 1;
    const id = this.#questions;
    return new Promise((resolve) => {
      const timer = setTimeout(() => answer(null), METRICS_WITHIN_MS);
      const answer = (snapshot: MetricsSnapshot | null): void => {
        clearTimeout(timer);
        this.#wanted.delete(id);
        resolve(snapshot);
      };
      this.#wanted.set(id, answer);
      this.#tell({ kind: "metrics_wanted", id });
    });
  }

  #hear(message: FromServing, events: ServingChildEvents): void {
    switch (message.kind) {
      case "ready":
        if (this.#state === "starting") {
          this.#state = "ready";
          events.onReady(this);
        }
        return;
      case "taken":
        this.#handed.get(message.id)?.socket.destroy(); // Our end of it; the connection is the other's.
        this.#handed.delete(message.id);
        return;
      case "foreign_store":
        events.onForeignStore(this, message.message);
        return;
      case "metrics":
        this.#wanted.get(message.id)?.(message.snapshot);
        return;
      case "others_wanted":
        void events
          .others(this)
          .then((snapshots) => this.#tell({ kind: "metrics_of_others", id: message.id, snapshots }));
    }
  }

  #tell(message: ToServing): void {
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }
}
