/**
 * `npm test` runs unit and integration tests. Chaos runs take long, measure, and are no tests: `npm run chaos`.
 * What takes longest, and is seldom what a change breaks, is `npm run test:long`; `.ci/run` does both.
 * Tests wait more than they compute (for leases to run out, for processes to start), so more files run at a time than
 * there are cores; with more than four, on two cores, processes start so slowly that waits run out.
 *
 * Not isolated: what one file has loaded the next ones in its process need not load again, which is half a second of
 * processor time each. Nothing here keeps state in a module, and what a test starts is of processes and servers of its own.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./support/longest-first.ts";

const INTEGRATION = "test/integration/**/*.test.ts";
const LONG = "test/integration/**/*.long.test.ts";
const WITH_PROCESSES = {
  isolate: false,
  // For a machine that is many times slower than usual; what hangs is found by waits that say what they wait for.
  testTimeout: 180_000,
  hookTimeout: 120_000,
};

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    pool: "forks",
    maxWorkers: 4,
    globalSetup: ["test/support/global-setup.ts"],
    teardownTimeout: 30_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: { name: "unit", include: ["test/unit/**/*.test.ts"], isolate: false, testTimeout: 60_000 },
      },
      { test: { name: "integration", include: [INTEGRATION], exclude: [LONG], ...WITH_PROCESSES } },
      { test: { name: "long", include: [LONG], ...WITH_PROCESSES } },
    ],
  },
});
