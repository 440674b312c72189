import { AggregatorRegistry } from "prom-client";
import { describe, expect, it } from "vitest";
import { Metrics } from "../../api/metrics.ts";

const answered = (queueMs: number, runMs: number) =>
  ({ kind: "answered", output: "1", timing: { queueMs, runMs, attempts: 1 }, trace: [] }) as const;

describe("metrics of online requests", () => {
  it("keep waiting and running apart, per task, and add up over processes", async () => {
    const [one, other] = [new Metrics(), new Metrics()];
    one.invoked("echo", answered(2, 40), 0.042);
    one.invoked("echo", answered(3, 90_000), 90.003);
    one.invoked("pay", { kind: "no_worker" }, 0.001);
    other.invoked("echo", answered(2, 40), 0.042);
    const text = await AggregatorRegistry.aggregate([
      await one.registry.getMetricsAsJSON(),
      await other.registry.getMetricsAsJSON(),
    ]).metrics();
    for (const line of [
      "# TYPE cairn_invoke_queue_seconds histogram",
      'cairn_invoke_queue_seconds_bucket{le="0.001",task="echo"} 0',
      'cairn_invoke_queue_seconds_bucket{le="0.0025",task="echo"} 2',
      'cairn_invoke_queue_seconds_bucket{le="0.005",task="echo"} 3',
      'cairn_invoke_run_seconds_bucket{le="0.05",task="echo"} 2',
      'cairn_invoke_run_seconds_bucket{le="60",task="echo"} 2',
      'cairn_invoke_run_seconds_bucket{le="+Inf",task="echo"} 3',
      'cairn_invoke_run_seconds_count{task="echo"} 3',
      'cairn_invoke_seconds_count{task="pay"} 1',
      'cairn_invocations_total{task="echo",outcome="answered"} 3',
    ]) {
      expect(text.split("\n")).toContain(line);
    }
    expect(text).not.toContain('cairn_invoke_run_seconds_count{task="pay"}');
  });
});
