/**
 * The order of test files: those that take long come first, so that none of them is the last to run while all other
 * workers have nothing left to do. Which take long is known here, since a fresh clone has run none yet.
 */
import { basename } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Whatever took more than half a minute, the longest first. */
const LONG = ["online-faults", "recovery", "keeper-faults", "online", "programs", "cli", "api-process", "keeper-tasks"];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = await super.sort(files);
    const isLong = (file: TestSpecification): boolean => rank(file) < LONG.length;
    return [...others.filter(isLong).sort((a, b) => rank(a) - rank(b)), ...others.filter((file) => !isLong(file))];
  }
}

function rank({ moduleId, project }: TestSpecification): number {
  const at = project.name === "integration" ? LONG.indexOf(basename(moduleId, ".test.ts")) : -1;
  return at === -1 ? LONG.length : at;
}
