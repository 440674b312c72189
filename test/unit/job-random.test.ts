import { describe, expect, test } from "vitest";
import { JobRandom } from "../../workers/runner/job-random.ts";

/** Output of the authors' C code (xoshiro128starstar.c) for the state 1, 2, 3, 4. */
const REFERENCE = [11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849] as const;

const draw = (random: JobRandom, times: number): number[] => Array.from({ length: times }, () => random.next());

describe("the random numbers of a job", () => {
  test("are those of xoshiro128**, two words to a number", () => {
    const expected = [0, 2, 4, 6].map(
      (at) => ((REFERENCE[at]! >>> 5) * 2 ** 26 + (REFERENCE[at + 1]! >>> 6)) / 2 ** 53,
    );
    expect(draw(new JobRandom([1, 2, 3, 4]), 4)).toEqual(expected);
  });

  test("J1: go on from a saved state, through JSON, as if nothing had been", () => {
    const undisturbed = draw(JobRandom.ofJob("job"), 100);
    const first = JobRandom.ofJob("job");
    const begun = draw(first, 37);
    const state = JSON.parse(JSON.stringify(first.state)) as JobRandom["state"];
    expect([...begun, ...draw(new JobRandom(state), 63)]).toEqual(undisturbed);
  });

  test("differ between jobs and look uniform", () => {
    expect(draw(JobRandom.ofJob("a"), 5)).not.toEqual(draw(JobRandom.ofJob("b"), 5));
    const numbers = draw(JobRandom.ofJob("a"), 20_000);
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.01);
  });

  test("come also from the one state that the generator would never leave", () => {
    expect(new Set(draw(new JobRandom([0, 0, 0, 0]), 10)).size).toBeGreaterThan(5);
  });
});
