/** Jobs that an input names: what is found there is kept as long as the input may be needed. */
import { ulid } from "ulid";
import { expect, it } from "vitest";
import { elementId } from "../../src/domain/array-element.ts";
import { jobsNamedIn, NAMED_AT_MOST } from "../../src/domain/named-jobs.ts";

const A = "01kb2m3n4p5q6r7s8t9v0w1x2y";
const B = "01kb2m3n4p5q6r7s8t9v0w1x2z";

it("finds ids wherever they stand: as a value, in a list, as a key, within a longer text; each once", () => {
  const input = { from: A, list: [B, { [A]: 1 }], url: `http://127.0.0.1:8080/v1/jobs/${B}/artifacts/mesh.dat` };
  expect(jobsNamedIn(JSON.stringify(input))).toEqual([A, B]);
});

it("takes nothing for an id that is longer, shorter, has other letters, or is of no time there will be", () => {
  const strangers = [`${A}0`, A.slice(1), A.toUpperCase(), A.replace("k", "u"), `a${A}`, A.replace("0", "9")];
  expect(jobsNamedIn(JSON.stringify(strangers))).toEqual([]);
  expect(jobsNamedIn("{}")).toEqual([]);
});

it("finds elements of arrays, and whatever id is made today", () => {
  const [job, element] = [ulid().toLowerCase(), elementId(A, 9_999)];
  expect(jobsNamedIn(JSON.stringify({ job, element }))).toEqual([job, element]);
});

it("finds a bounded number, in a large input as well", () => {
  const many = Array.from({ length: 10_000 }, (_, index) => elementId(A, index));
  expect(jobsNamedIn(JSON.stringify(many))).toEqual(many.slice(0, NAMED_AT_MOST));
});
