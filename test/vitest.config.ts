/**
 * `npm test` runs unit and integration tests. Chaos runs take long and are asked for: `npm run chaos`.
 * Tests wait more than they compute (for leases to run out, for processes to start), so more files run at a time than
 * there are cores; with more than four, on two cores, processes start so slowly that waits run out.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const suites: Readonly<Record<string, string[]>> = {
  test: ["test/unit/**/*.test.ts", "test/integration/**/*.test.ts"],
  chaos: ["test/chaos/**/*.test.ts"],
};

export default defineConfig(({ mode }) => ({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    include: suites[mode] ?? [],
    pool: "forks",
    maxWorkers: mode === "chaos" ? 1 : 4,
    globalSetup: ["test/support/global-setup.ts"],
    testTimeout: mode === "chaos" ? 600_000 : 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
  },
}));
