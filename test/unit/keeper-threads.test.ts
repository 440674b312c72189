import { expect, test } from "vitest";
import { withoutThreads, withThreads } from "../../workers/keeper/thread-pool.ts";

test("a keeper has threads enough for a store that hangs, and what it starts does not inherit that", () => {
  const keeper = withThreads({ PATH: "/bin" });
  expect(Number(keeper["UV_THREADPOOL_SIZE"])).toBeGreaterThan(8);
  expect(withoutThreads(keeper)).toEqual({ PATH: "/bin" });
});

test("what the operator says of threads counts, for both", () => {
  const said = { UV_THREADPOOL_SIZE: "6" };
  expect(withThreads(said)).toEqual(said);
  expect(withoutThreads(said)).toEqual(said);
});
