import { setImmediate as turn } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { Bell } from "../../api/bell.ts";
import { Drain } from "../../api/drain.ts";

it("any number of callers may wait for the drain, and Node.js warns of no leak", async () => {
  const warnings: string[] = [];
  const warned = ({ name }: Error): unknown => warnings.push(name);
  process.on("warning", warned);
  onTestFinished(() => void process.off("warning", warned));
  const drain = new Drain();
  const waits = Array.from({ length: 50 }, () => new Bell().wait(60_000, [drain.signal]));
  await turn();
  drain.begin();
  await Promise.all(waits);
  expect(warnings).toEqual([]);
});
