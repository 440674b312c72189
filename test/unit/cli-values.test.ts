import { describe, expect, it } from "vitest";
import { formatAge, formatBytes, formatDuration, formatNumber, formatPercent, oneLine } from "../../src/cli/format.ts";
import { bar, progressLine } from "../../src/cli/progress-bars.ts";
import { renderFields, renderTable } from "../../src/cli/table.ts";
import { UsageError } from "../../src/cli/usage-error.ts";
import { readDuration, readOneOf, readPair, readStart, readTime, readWhole } from "../../src/cli/values.ts";
import { sampleJob } from "../support/sample-job.ts";

const plain = { wide: false, heading: (text: string): string => text };

describe("what stands on a command line", () => {
  it("time spans have a unit, and may be put together", () => {
    expect(["500ms", "30s", "1h30m", "1.5s", "2d"].map(readDuration)).toEqual([
      500, 30_000, 5_400_000, 1_500, 172_800_000,
    ]);
    for (const text of ["30", "", "s", "10 s", "1x", "-3s"]) expect(() => readDuration(text)).toThrow(UsageError);
  });

  it("whole numbers keep to their range", () => {
    const read = readWhole({ from: -10, to: 10 });
    expect([read("-10"), read("+3"), read("10")]).toEqual([-10, 3, 10]);
    for (const text of ["11", "1.5", "", "x", "0x1", "1e1"]) expect(() => read(text)).toThrow(/from -10 to 10/);
  });

  it("pairs need a key, and values may hold what they like", () => {
    expect(readPair("a=b=c")).toEqual(["a", "b=c"]);
    expect(readPair("a=")).toEqual(["a", ""]);
    for (const text of ["a", "=b", ""]) expect(() => readPair(text)).toThrow(/key=value/);
  });

  it("times are absolute with an offset, or from now", () => {
    const now = Date.parse("2030-01-01T00:00:00Z");
    expect(readTime("+90s", now)).toBe("2030-01-01T00:01:30.000Z");
    expect(readTime("2030-01-31T18:00:00+02:00", now)).toBe("2030-01-31T16:00:00.000Z");
    for (const text of ["tomorrow", "2030-01-31", "2030-01-31T18:00", "2030-13-01T00:00:00Z"]) {
      expect(() => readTime(text, now)).toThrow(/is not a time/);
    }
  });

  it("words are of their list; a retry starts at a word or a number", () => {
    expect(readOneOf(["a", "b"])("b")).toBe("b");
    expect(() => readOneOf(["a", "b"])("c")).toThrow(/one of a, b/);
    expect(["start", "last", "7"].map(readStart)).toEqual(["start", "last", 7]);
    expect(() => readStart("0")).toThrow(UsageError);
  });
});

describe("what people read", () => {
  it("time spans in two units", () => {
    const spans = [0, 999, 1_000, 59_999, 60_000, 200_000, 3_600_000, 18_240_000, 90_000_000];
    expect(spans.map(formatDuration)).toEqual([
      "0ms",
      "999ms",
      "1s",
      "59s",
      "1m00s",
      "3m20s",
      "1h00m",
      "5h04m",
      "1d1h",
    ]);
  });

  it("an age is never negative, even if the clocks differ", () => {
    expect(formatAge("2030-01-01T00:00:10Z", Date.parse("2030-01-01T00:00:00Z"))).toBe("0ms");
    expect(formatAge(null, 0)).toBe("-");
  });

  it("bytes in binary units", () => {
    expect([0, 1_023, 1_024, 1_536, 20 * 1_024 ** 2, 3 * 1_024 ** 4].map(formatBytes)).toEqual([
      "0 B",
      "1023 B",
      "1.0 KiB",
      "1.5 KiB",
      "20 MiB",
      "3.0 TiB",
    ]);
  });

  it("shares are rounded down: nothing unfinished is 100%", () => {
    expect([0, 0.999, 1].map(formatPercent)).toEqual(["0%", "99%", "100%"]);
    expect([3, 0.123456, 1e6 + 0.5].map(formatNumber)).toEqual(["3", "0.1235", "1000000"]);
  });

  it("text from elsewhere cannot move the cursor, colour the screen or break the line", () => {
    expect(oneLine("a\u001b[2Jb\r\nc\u009bd\u202ee")).toBe("a [2Jb c d e");
  });
});

describe("a table", () => {
  const columns = [
    { title: "NAME", cell: (row: { n: string; v: number }) => row.n },
    { title: "VALUE", cell: (row: { n: string; v: number }) => row.v, align: "right" as const },
    { title: "EXTRA", cell: () => "x", wide: true as const },
  ];

  it("has columns two blanks apart, numbers to the right, no empty cell and nothing behind the last", () => {
    const rows = [
      { n: "a", v: 5 },
      { n: "", v: 123_456 },
    ];
    expect(renderTable(columns, rows, plain)).toBe("NAME   VALUE\na          5\n-     123456\n");
    expect(renderTable(columns, rows, { ...plain, wide: true })).toContain("123456  x\n");
  });

  it("measures what is seen and not what colours it", () => {
    const painted = [
      { title: "N", cell: () => "ab", paint: (text: string) => `\u001b[31m${text}\u001b[39m` },
      columns[1]!,
    ];
    expect(renderTable(painted, [{ n: "", v: 1 }], plain)).toBe("N   VALUE\n\u001b[31mab\u001b[39m      1\n");
  });

  it("of one thing has a line per field", () => {
    expect(
      renderFields(
        [
          ["id", "x"],
          ["created", null],
        ],
        plain,
      ),
    ).toBe("id       x\ncreated  -\n");
  });
});

describe("a progress bar", () => {
  it("is full only at the end, and says when the end is not known", () => {
    expect([0, 0.5, 0.999, 1, 7].map((fraction) => bar(fraction, 4))).toEqual([
      "[····]",
      "[██··]",
      "[███·]",
      "[████]",
      "[████]",
    ]);
    expect(bar(null, 3)).toBe("[???]");
  });

  it("tells where the job is: progress, rate, time left, checkpoint, attempt, worker", () => {
    const progress = { completed: 40, total: 100, unit: "steps", fraction: 0.4, ratePerSecond: 2.5, etaMs: 24_000 };
    const checkpoint = { seq: 3, at: "2030-01-01T00:00:00Z", bytes: 10, progress: 38 };
    const job = sampleJob({ state: "running", reason: null, progress, checkpoint, attempts: 2, worker: "w1" });
    expect(progressLine(job, 200)).toBe(
      `${job.id}  count  running    [█████████···············]   40%  40/100 steps  2.5/s  24s left  checkpoint 3  attempt 2  on w1`,
    );
    expect(progressLine(sampleJob(), 200)).toContain("waiting_for_slot");
    expect(progressLine(sampleJob(), 80)).toMatch(/^…8y9z0a  count /);
  });
});
