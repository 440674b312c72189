/**
 * A histogram of times per task, for requests by the ten thousand: counts are kept as plain numbers and told to
 * prom-client when it asks. Its own histogram costs a hash of the labels for each observation.
 */
import { Histogram, type MetricObjectWithValues, type MetricValueWithName, type Registry } from "prom-client";

interface Row {
  /** Observations in each bucket alone; one more for what is beyond the last bound. */
  readonly counts: Float64Array;
  sum: number;
}

export class TaskTimes extends Histogram<"task"> {
  readonly #name: string;
  readonly #bounds: readonly number[];
  readonly #rows = new Map<string, Row>();

  /** @param options.bounds upper ones, rising, s */
  constructor(options: {
    readonly name: string;
    readonly help: string;
    readonly bounds: readonly number[];
    readonly registry: Registry;
  }) {
    const { name, help, bounds, registry } = options;
    super({ name, help, labelNames: ["task"], buckets: [...bounds], registers: [registry] });
    this.#name = name;
    this.#bounds = bounds;
  }

  /** Counts one that took so long. */
  add(task: string, seconds: number): void {
    let row = this.#rows.get(task);
    if (row === undefined) {
      row = { counts: new Float64Array(this.#bounds.length + 1), sum: 0 };
      this.#rows.set(task, row);
    }
    let bucket = 0;
    while (seconds > (this.#bounds[bucket] ?? Infinity)) bucket += 1;
    row.counts[bucket] = (row.counts[bucket] ?? 0) + 1;
    row.sum += seconds;
  }

  /** As a histogram tells it that has observed all of them itself. */
  override async get(): Promise<MetricObjectWithValues<MetricValueWithName<"task">>> {
    const values = [...this.#rows].flatMap(([task, { counts, sum }]) => {
      let count = 0;
      const buckets = [...counts].map((more, at) => {
        count += more;
        const le = this.#bounds[at] ?? "+Inf";
        return { metricName: `${this.#name}_bucket`, labels: { le, task }, value: count };
      });
      return [
        ...buckets,
        { metricName: `${this.#name}_sum`, labels: { task }, value: sum },
        { metricName: `${this.#name}_count`, labels: { task }, value: count },
      ];
    });
    return { ...(await super.get()), values };
  }
}
