/**
 * Ends a run with what failed, a line each, and one line that says how many tests ran, for people and for scripts: who
 * reads only the end of a long output knows where to look.
 */
import type { Reporter, TestModule } from "vitest/node";

export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    const failures: string[] = [];
    for (const module of modules) {
      for (const error of module.errors()) failures.push(`${module.relativeModuleId}: ${firstLine(error.message)}`);
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state !== "pending") count[state] += 1;
        if (state !== "failed") continue;
        const why = errors.map(({ message }) => firstLine(message)).join(" | ");
        failures.push(`${module.relativeModuleId} > ${test.fullName}: ${why}`);
      }
    }
    // After what the other reporters write at the end of the run.
    process.once("exit", () => {
      for (const failure of failures) process.stdout.write(`failed: ${failure}\n`);
      process.stdout.write(`${count.passed} passed, ${count.failed} failed\n`);
    });
  }
}

function firstLine(message: string): string {
  return message.split("\n", 1)[0]!.slice(0, 300);
}
