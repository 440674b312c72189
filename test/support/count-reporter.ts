/** Ends a run with one line that says how many tests ran, for people and for scripts. */
import type { Reporter, TestModule } from "vitest/node";

export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== "pending") count[state] += 1;
      }
    }
    // After what the other reporters write at the end of the run.
    process.once("exit", () => {
      process.stdout.write(`${count.passed} passed, ${count.failed} failed\n`);
    });
  }
}
