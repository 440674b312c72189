/** What Prometheus is told. Names and labels are in this file and nowhere else. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { LossTimes } from "../src/batch/batch.ts";
import type { GateView, InvokeOutcome, TaskHealth } from "../src/online/online.ts";
import { TaskTimes } from "./task-times.ts";

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

const GATE_GAUGES = [
  { name: "cairn_invoke_limit", help: "Online requests that may be handed over at a time", of: "limit" },
  { name: "cairn_invoke_under_way", help: "Online requests that were handed over and have not ended", of: "underWay" },
  { name: "cairn_invoke_waiting", help: "Online requests that wait to be handed over", of: "waiting" },
] as const;

/** Numbers that are looked up when somebody asks, from Redis or from this process. */
export interface MetricsSources {
  readonly jobsByState: () => Promise<ReadonlyMap<string, number>>;
  /** Why checkpoints are not there → how many. */
  readonly checkpointTrouble: () => Promise<Readonly<Record<string, number>>>;
  /** ms of each part of the time of batch jobs. */
  readonly timeSpent: () => Promise<Readonly<Record<string, number>>>;
  /** ms; null: nobody has counted yet. */
  readonly losses: () => Promise<LossTimes>;
  readonly workersByState: () => ReadonlyMap<string, number>;
  /** Replicas that agents had to replace, by why. */
  readonly replicasReplaced: () => readonly {
    readonly worker: string;
    readonly replaced: ReadonlyMap<string, number>;
  }[];
  /** What this process found out about replicas, by task. */
  readonly health: () => ReadonlyMap<string, TaskHealth>;
  readonly waiting: () => number;
  readonly watchedJobs: () => number;
  readonly gates: () => readonly GateView[];
}

/** Under what a request is counted. */
export interface RouteLabel {
  readonly path: string;
  /** Is its time observed too? */
  readonly timed: boolean;
}

/** Counts kept as plain numbers and handed to prom-client when it is asked: its own counters cost a hash each time. */
class Tally<Label extends string> {
  readonly #rows = new Map<string, { readonly labels: Readonly<Record<Label, string>>; count: number }>();

  /** @param key tells the labels apart */
  add(key: string, labels: () => Readonly<Record<Label, string>>): void {
    const row = this.#rows.get(key);
    if (row === undefined) this.#rows.set(key, { labels: labels(), count: 1 });
    else row.count += 1;
  }

  tellTo(counter: Counter<Label>): void {
    counter.reset();
    for (const { labels, count } of this.#rows.values()) counter.inc(labels, count);
  }
}

export class Metrics {
  readonly registry = new Registry();
  readonly #requests = new Tally<"route" | "method" | "status">();
  readonly #invocations = new Tally<"task" | "outcome">();
  readonly #seconds: Histogram<"route" | "method">;
  readonly #invokeSeconds = new TaskTimes({
    name: "cairn_invoke_seconds",
    help: "Time from admission to the replica's answer, whatever it was",
    bounds: SECONDS,
    registry: this.registry,
  });
  readonly #queueSeconds = new TaskTimes({
    name: "cairn_invoke_queue_seconds",
    help: "Of answered online requests: time that the handler did not run",
    bounds: SECONDS,
    registry: this.registry,
  });
  readonly #runSeconds = new TaskTimes({
    name: "cairn_invoke_run_seconds",
    help: "Of answered online requests: time in the handler that gave the answer",
    bounds: SECONDS,
    registry: this.registry,
  });
  readonly #failuresDropped: Counter;

  constructor() {
    const registers = [this.registry];
    const requests = this.#requests;
    const invocations = this.#invocations;
    new Counter({
      name: "cairn_http_requests_total",
      help: "Answered HTTP requests",
      labelNames: ["route", "method", "status"],
      registers,
      collect() {
        requests.tellTo(this);
      },
    });
    this.#seconds = new Histogram({
      name: "cairn_http_request_seconds",
      help: "Time from the request's head to the answer's end; of online requests see cairn_invoke_seconds",
      labelNames: ["route", "method"],
      buckets: SECONDS,
      registers,
    });
    new Counter({
      name: "cairn_invocations_total",
      help: "Online requests by how they ended",
      labelNames: ["task", "outcome"],
      registers,
      collect() {
        invocations.tellTo(this);
      },
    });
    this.#failuresDropped = new Counter({
      name: "cairn_failures_unrecorded_total",
      help: "Failed online requests that got no record, because there were too many of them",
      registers,
    });
    collectDefaultMetrics({ register: this.registry, prefix: "cairn_api_" });
  }

  /** Adds the numbers that are looked up on demand. */
  connect(sources: MetricsSources): void {
    this.#connectHealth(sources);
    const registers = [this.registry];
    new Gauge({
      name: "cairn_jobs",
      help: "Jobs by state",
      labelNames: ["state"],
      aggregator: "first", // Every process sees the same ones.
      registers,
      // Redis being away must not hide everything else.
      async collect() {
        const counts = await sources.jobsByState().catch(() => new Map<string, number>());
        for (const [state, count] of counts) this.set({ state }, count);
      },
    });
    new Gauge({
      name: "cairn_workers",
      help: "Workers by state",
      labelNames: ["state"],
      aggregator: "first",
      registers,
      collect() {
        this.reset();
        for (const [state, count] of sources.workersByState()) this.set({ state }, count);
      },
    });
    new Counter({
      name: "cairn_batch_seconds_total",
      help: "Where the time of batch jobs went, of attempts and waits that are over; goodput is useful of all but queued and held",
      labelNames: ["part"],
      aggregator: "first",
      registers,
      async collect() {
        const spent = await sources.timeSpent().catch(() => ({}));
        this.reset();
        for (const [part, ms] of Object.entries(spent)) this.inc({ part }, ms / 1_000);
      },
    });
    new Counter({
      name: "cairn_checkpoints_missed_total",
      help: "Checkpoints that could not be taken or stored, or not be read back whole, by why",
      labelNames: ["why"],
      aggregator: "first",
      registers,
      async collect() {
        const missed = await sources.checkpointTrouble().catch(() => ({}));
        this.reset();
        for (const [why, count] of Object.entries(missed)) this.inc({ why }, count);
      },
    });
    new Gauge({
      name: "cairn_worker_mtbf_seconds",
      help: "Mean time between losses of a worker, as the fleet has counted",
      aggregator: "first",
      registers,
      async collect() {
        const losses = await sources.losses().catch(() => null);
        if (losses !== null && losses.mtbfMs !== null) this.set(losses.mtbfMs / 1_000);
      },
    });
    new Gauge({
      name: "cairn_zone_mtbf_seconds",
      help: "Mean time between losses of a worker of a zone, as the fleet has counted",
      labelNames: ["zone"],
      aggregator: "first",
      registers,
      async collect() {
        const losses = await sources.losses().catch(() => null);
        if (losses === null) return;
        this.reset();
        for (const [zone, ms] of losses.zones) this.set({ zone }, ms / 1_000);
      },
    });
    new Gauge({
      name: "cairn_waits",
      help: "Callers that wait for a job",
      registers,
      collect() {
        this.set(sources.waiting());
      },
    });
    for (const { name, help, of } of GATE_GAUGES) {
      new Gauge({
        name,
        help,
        labelNames: ["task"],
        registers,
        collect() {
          this.reset();
          for (const gate of sources.gates()) this.set({ task: gate.task }, gate[of]);
        },
      });
    }
    new Gauge({
      name: "cairn_watched_jobs",
      help: "Jobs that some caller of this process waits for or follows",
      registers,
      collect() {
        this.set(sources.watchedJobs());
      },
    });
  }

  /** What was found out about replicas, and done about it. */
  #connectHealth({ health, replicasReplaced }: MetricsSources): void {
    const registers = [this.registry];
    /** One row for each task and each kind of what is counted. */
    const byTask = (name: string, help: string, label: string, read: (task: TaskHealth) => object): void => {
      new Counter({
        name,
        help,
        labelNames: ["task", label],
        registers,
        collect() {
          this.reset();
          for (const [task, counts] of health()) {
            for (const [kind, count] of Object.entries(read(counts))) this.inc({ task, [label]: kind }, Number(count));
          }
        },
      });
    };
    byTask("cairn_replica_ejections_total", "Times a replica was parked", "reason", (task) => task.ejections);
    byTask("cairn_replica_returns_total", "Times a parked replica was let back", "reason", (task) => task.returns);
    byTask("cairn_canaries_total", "Canaries to replicas", "result", ({ canaries, probes }) => ({
      ...canaries,
      probes,
    }));
    byTask("cairn_replicas_condemned_total", "Replicas found to do no work", "verdict", (task) => task.condemned);
    new Counter({
      name: "cairn_replicas_replaced_total",
      help: "Replicas that agents had to replace, since the agent started",
      labelNames: ["worker", "reason"],
      aggregator: "first",
      registers,
      collect() {
        this.reset();
        for (const { worker, replaced } of replicasReplaced()) {
          for (const [reason, count] of replaced) this.inc({ worker, reason }, count);
        }
      },
    });
  }

  /** Counts an answered request. @param route the path as in the document, not as it came */
  answered(route: RouteLabel, method: string, status: number, seconds: number): void {
    this.#requests.add(`${method} ${status} ${route.path}`, () => ({
      route: route.path,
      method,
      status: String(status),
    }));
    if (route.timed) this.#seconds.observe({ route: route.path, method }, seconds);
  }

  /** A failed request got no record: there were too many. */
  failureDropped(): void {
    this.#failuresDropped.inc();
  }

  /** Counts an online request of a task that exists. */
  invoked(task: string, outcome: InvokeOutcome, seconds: number): void {
    const { kind } = outcome;
    this.#invocations.add(`${kind} ${task}`, () => ({ task, outcome: kind }));
    this.#invokeSeconds.add(task, seconds);
    if (outcome.kind !== "answered") return;
    this.#queueSeconds.add(task, outcome.timing.queueMs / 1_000);
    this.#runSeconds.add(task, outcome.timing.runMs / 1_000);
  }
}
