/**
 * `npm test` runs unit and integration tests. Chaos runs take long and are asked for: `npm run chaos`.
 * The whole suite shares two cores with the servers and workers that it starts, so two files run at a time.
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
    maxWorkers: mode === "chaos" ? 1 : 2,
    globalSetup: ["test/support/global-setup.ts"],
    testTimeout: mode === "chaos" ? 600_000 : 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
  },
}));
