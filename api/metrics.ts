/** What Prometheus is told. Names and labels are in this file and nowhere else. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { InvokeOutcome } from "../src/online/online.ts";

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Numbers that are looked up when somebody asks, from Redis or from this process. */
export interface MetricsSources {
  readonly jobsByState: () => Promise<ReadonlyMap<string, number>>;
  readonly workersByState: () => ReadonlyMap<string, number>;
  readonly waiting: () => number;
  readonly watchedJobs: () => number;
}

/** What was counted for one route, so that a hot one looks its series up once. */
interface RouteSeries {
  readonly seconds: { observe(value: number): void };
  readonly byStatus: Map<number, { inc(): void }>;
}

export class Metrics {
  readonly registry = new Registry();
  readonly #requests: Counter<"route" | "method" | "status">;
  readonly #seconds: Histogram<"route" | "method">;
  readonly #invocations: Counter<"task" | "outcome">;
  readonly #invokeSeconds: Histogram<"task">;
  readonly #series = new Map<string, RouteSeries>();
  readonly #tasks = new Map<string, { readonly seconds: { observe(value: number): void } }>();
  readonly #outcomes = new Map<string, { inc(): void }>();

  constructor() {
    const registers = [this.registry];
    this.#requests = new Counter({
      name: "cairn_http_requests_total",
      help: "Answered HTTP requests",
      labelNames: ["route", "method", "status"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "cairn_http_request_seconds",
      help: "Time from the request's head to the answer's end",
      labelNames: ["route", "method"],
      buckets: SECONDS,
      registers,
    });
    this.#invocations = new Counter({
      name: "cairn_invocations_total",
      help: "Online requests by how they ended",
      labelNames: ["task", "outcome"],
      registers,
    });
    this.#invokeSeconds = new Histogram({
      name: "cairn_invoke_seconds",
      help: "Time from admission to the replica's answer",
      labelNames: ["task"],
      buckets: SECONDS,
      registers,
    });
    collectDefaultMetrics({ register: this.registry, prefix: "cairn_api_" });
  }

  /** Adds the numbers that are looked up on demand. */
  connect(sources: MetricsSources): void {
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
    new Gauge({
      name: "cairn_waits",
      help: "Callers that wait for a job",
      registers,
      collect() {
        this.set(sources.waiting());
      },
    });
    new Gauge({
      name: "cairn_watched_jobs",
      help: "Jobs that some caller of this process waits for or follows",
      registers,
      collect() {
        this.set(sources.watchedJobs());
      },
    });
  }

  /** Counts an answered request. @param route the path as in the document, not as it came */
  answered(route: string, method: string, status: number, seconds: number): void {
    const key = `${method} ${route}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { seconds: this.#seconds.labels(route, method), byStatus: new Map() };
      this.#series.set(key, series);
    }
    let count = series.byStatus.get(status);
    if (count === undefined) {
      count = this.#requests.labels(route, method, String(status));
      series.byStatus.set(status, count);
    }
    count.inc();
    series.seconds.observe(seconds);
  }

  /** Counts an online request of a task that exists. */
  invoked(task: string, outcome: InvokeOutcome["kind"], seconds: number): void {
    const key = `${task} ${outcome}`;
    let count = this.#outcomes.get(key);
    if (count === undefined) {
      count = this.#invocations.labels(task, outcome);
      this.#outcomes.set(key, count);
    }
    let series = this.#tasks.get(task);
    if (series === undefined) {
      series = { seconds: this.#invokeSeconds.labels(task) };
      this.#tasks.set(task, series);
    }
    count.inc();
    series.seconds.observe(seconds);
  }
}
