/** What `cairn simulate` says of results that are not the same bits. */
import { expect, test } from "vitest";
import { firstDifference } from "../../workers/simulate/first-difference.ts";

test.each([
  ["a\nb\nc", "a\nB\nc", '1 of 3 lines, first line 2: "b" and "B"'],
  ["a", "a\nb\nc", '2 of 3 lines, first line 2: nothing and "b"'],
  [
    `${"x".repeat(500)}1`,
    `${"x".repeat(500)}2`,
    `1 of 1 lines, first line 1: …"${"x".repeat(40)}1" and …"${"x".repeat(40)}2"`,
  ],
  ["a\0b", "a\0cd", "3 and 4 bytes, first byte 2"],
  ["a\0bcd", "a\0xcy", "2 of 5 bytes, first byte 2"],
  // A date in the head of a picture.
  [
    "P6\n# at 22:37:05\n\0",
    "P6\n# at 22:38:06\n\0",
    '2 of 18 bytes, first byte 12: "# at 22:37:05" and "# at 22:38:06"',
  ],
  ["a\0", "a\0", "the same bits"],
])("it tells where they part: %#", (one, other, sentence) => {
  expect(firstDifference(Buffer.from(one), Buffer.from(other))).toBe(sentence);
});
