import { describe, expect, it } from "vitest";
import { artifactAbsence } from "../../src/domain/artifact-absence.ts";

describe("why an artifact is not there", () => {
  const names = ["a.dat", "b.dat", "c.dat", "d.dat", "e.dat", "mesh.dat"];

  it.each([
    [{ kind: "nobody" }, /^there is no job "j1" with an artifact mash\.dat: .*; submit this job again with the id/],
    [{ kind: "array" }, /^j1 is an array of jobs, .*cairn ls --array j1/],
    [{ kind: "job", state: "queued", names: [], count: 0 }, /^job j1 is queued and has .* yet; retry this job when/],
    [
      { kind: "job", state: "expired", names: [], count: 0 },
      /^job j1 is expired, without .*; retry that one, and when/,
    ],
    [{ kind: "job", state: "succeeded", names: [], count: 0 }, /^job j1 has succeeded without any artifact; name one/],
    [
      { kind: "job", state: "succeeded", names, count: 60 },
      /^job j1 .*; it has a\.dat, b\.dat, c\.dat, d\.dat, e\.dat and 55 more \(was mesh\.dat meant\?\): submit this/,
    ],
  ] as const)("says of %j what to do", (publisher, sentence) => {
    expect(artifactAbsence("j1", "mash.dat", publisher)).toMatch(sentence);
  });
});
