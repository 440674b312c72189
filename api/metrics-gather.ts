/**
 * The metrics of all serving processes of one API, whichever of them is asked: one alone would show a part, another
 * part with every scrape.
 */
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue } from "prom-client";
import type { Metrics } from "./metrics.ts";

/** What the parent is asked for, and gives: the metrics of the other processes as prom-client has them. */
export type AskOthers = () => Promise<readonly MetricsSnapshot[]>;
export type MetricsSnapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

export class MetricsGather {
  readonly #metrics: Metrics;
  readonly #others: AskOthers;

  constructor(options: { readonly metrics: Metrics; readonly others: AskOthers }) {
    this.#metrics = options.metrics;
    this.#others = options.others;
  }

  /** Of this process alone. */
  async own(): Promise<MetricsSnapshot> {
    return this.#metrics.registry.getMetricsAsJSON();
  }

  /** Of all, in the exposition format. */
  async text(): Promise<string> {
    const others = await this.#others();
    if (others.length === 0) return this.#metrics.registry.metrics();
    return AggregatorRegistry.aggregate([await this.own(), ...others]).metrics();
  }
}
