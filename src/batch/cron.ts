/**
 * The times of a cron expression. Pure: whatever clock there is is the caller's.
 *
 * CR1 In a time zone with summer time, a time that does not exist in a night comes at the next that does, and one that
 *     exists twice comes once.
 */
import { CronExpressionParser } from "cron-parser";

export type CronReading =
  { readonly kind: "ok" } | { readonly kind: "bad"; readonly field: "cron" | "timeZone"; readonly detail: string };

/** Is this something that has times at all? */
export function readCron(cron: string, timeZone: string): CronReading {
  const fields = cron.trim().split(/\s+/).length;
  if (!cron.startsWith("@") && fields !== 5 && fields !== 6) {
    return { kind: "bad", field: "cron", detail: `has ${fields} fields, not 5 (or 6 with seconds)` };
  }
  try {
    new Intl.DateTimeFormat("en", { timeZone });
  } catch {
    return { kind: "bad", field: "timeZone", detail: `"${timeZone}" is no time zone; write one like Europe/Berlin` };
  }
  try {
    const found = nextTimes(cron, timeZone, 0, 1);
    return found.length === 1 ? { kind: "ok" } : { kind: "bad", field: "cron", detail: "never comes" };
  } catch (error) {
    return { kind: "bad", field: "cron", detail: error instanceof Error ? error.message : String(error) };
  }
}

/** The first `count` times after `afterMs`, ms; fewer when there are no more. */
export function nextTimes(cron: string, timeZone: string, afterMs: number, count: number): number[] {
  const times = CronExpressionParser.parse(cron, { tz: timeZone, currentDate: new Date(afterMs) });
  const found: number[] = [];
  while (found.length < count && times.hasNext()) found.push(times.next().getTime());
  return found;
}

/**
 * Which time is served now: of those that were missed the latest, so that a fleet that was away catches up once.
 * @param dueMs the first that was not served yet
 */
export function latestDue(cron: string, timeZone: string, dueMs: number, nowMs: number): number {
  const times = CronExpressionParser.parse(cron, { tz: timeZone, currentDate: new Date(nowMs + 1) });
  return times.hasPrev() ? Math.max(dueMs, times.prev().getTime()) : dueMs;
}
