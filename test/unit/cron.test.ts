import { describe, expect, it } from "vitest";
import { latestDue, nextTimes, readCron } from "../../src/batch/cron.ts";
import { scheduledId } from "../../src/domain/scheduled-id.ts";

const at = (text: string): number => Date.parse(text);
const texts = (times: readonly number[]): string[] => times.map((ms) => new Date(ms).toISOString());

describe("the times of a schedule", () => {
  it("are those of its time zone, in summer and in winter", () => {
    const times = nextTimes("30 6 * * 1-5", "Europe/Berlin", at("2026-03-26T12:00:00Z"), 3);
    expect(texts(times)).toEqual(["2026-03-27T05:30:00.000Z", "2026-03-30T04:30:00.000Z", "2026-03-31T04:30:00.000Z"]);
  });

  it("CR1: a night without 02:30 has one run, and so has one with two of them", () => {
    const spring = nextTimes("30 2 * * *", "Europe/Berlin", at("2026-03-28T12:00:00Z"), 2);
    expect(texts(spring)).toEqual(["2026-03-29T01:30:00.000Z", "2026-03-30T00:30:00.000Z"]);
    const autumn = nextTimes("30 2 * * *", "Europe/Berlin", at("2026-10-24T12:00:00Z"), 2);
    expect(texts(autumn)).toEqual(["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"]);
  });

  it("of times that were missed the latest is served, and a time is not served before it comes", () => {
    const due = at("2026-01-01T10:00:00Z");
    expect(latestDue("0 * * * *", "UTC", due, due)).toBe(due);
    expect(latestDue("0 * * * *", "UTC", due, at("2026-01-01T10:59:59Z"))).toBe(due);
    expect(latestDue("0 * * * *", "UTC", due, at("2026-01-03T07:15:00Z"))).toBe(at("2026-01-03T07:00:00Z"));
  });

  it("what is no expression, or has no times, is refused with the field", () => {
    expect(readCron("0 3 * * *", "UTC")).toEqual({ kind: "ok" });
    expect(readCron("*/5 0 3 * * *", "America/New_York")).toEqual({ kind: "ok" });
    expect(readCron("@daily", "UTC")).toEqual({ kind: "ok" });
    expect(readCron("* * * *", "UTC")).toMatchObject({ kind: "bad", field: "cron" });
    expect(readCron("61 * * * *", "UTC")).toMatchObject({ kind: "bad", field: "cron" });
    expect(readCron("0 0 30 2 *", "UTC")).toMatchObject({ kind: "bad", field: "cron" });
    expect(readCron("@never", "UTC")).toMatchObject({ kind: "bad", field: "cron" });
    expect(readCron("0 3 * * *", "Mars/Olympus")).toMatchObject({ kind: "bad", field: "timeZone" });
  });

  it("an id of a time is a ULID of that time, and the same for the same digest", () => {
    const digest = new Uint8Array(32).fill(255);
    expect(scheduledId(at("2026-01-01T00:00:00Z"), digest)).toMatch(/^01k[0-9a-hjkmnp-tv-z]{7}z{16}$/);
    expect(scheduledId(1, digest) < scheduledId(2, new Uint8Array(32))).toBe(true);
  });
});
