/**
 * Progress bars: one line a job, drawn again in place on a terminal; in a pipe, a line when the state changes.
 *
 * B1 Only on a terminal is anything drawn over: a log file gets no escape sequence and no line per tick.
 * B2 A line never wraps: one that did would not be overdrawn.
 */
import type { Job } from "../contract/job.ts";
import { reasonSentence } from "../domain/job-reason.ts";
import { formatDuration, formatNumber, formatPercent, oneLine } from "./format.ts";
import { paintState } from "./job-table.ts";
import type { Session } from "./session.ts";

const BAR = 24;
const ERASE_DOWN = "\u001b[0J";
const up = (lines: number): string => `\u001b[${lines}A\r`;

/** `[████████········]`, or of question marks when the end is not known. */
export function bar(fraction: number | null, width: number): string {
  if (fraction === null) return `[${"?".repeat(width)}]`;
  const full = Math.floor(Math.min(Math.max(fraction, 0), 1) * width);
  return `[${"█".repeat(full)}${"·".repeat(width - full)}]`;
}

/** From so many columns on there is room for the whole id. */
const ROOMY = 120;

/** One job on one line, without colours; in a narrow terminal with the end of its id, which tells it from others. */
export function progressLine(job: Job, columns: number): string {
  const { progress, checkpoint } = job;
  const parts = [columns < ROOMY ? `…${job.id.slice(-6)}` : job.id, job.task, job.state.padEnd(9)];
  if (progress !== null) {
    const { completed, total, unit, fraction, ratePerSecond, etaMs } = progress;
    parts.push(bar(fraction, BAR));
    if (fraction !== null) parts.push(formatPercent(fraction).padStart(4));
    parts.push(`${formatNumber(completed)}${total === null ? "" : `/${formatNumber(total)}`} ${unit}`);
    if (ratePerSecond !== null) parts.push(`${formatNumber(ratePerSecond)}/s`);
    if (etaMs !== null && job.state === "running") parts.push(`${formatDuration(etaMs)} left`);
  }
  if (checkpoint !== null) parts.push(`checkpoint ${checkpoint.seq}`);
  if (job.attempts > 1) parts.push(`attempt ${job.attempts}`);
  if (job.worker !== null) parts.push(`on ${job.worker}`);
  else if (job.reason !== null) parts.push(job.reason);
  return oneLine(parts.join("  "));
}

export class ProgressBars {
  readonly #session: Session;
  readonly #jobs = new Map<string, Job>();
  #drawn = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  update(job: Job): void {
    const before = this.#jobs.get(job.id);
    this.#jobs.set(job.id, job);
    if (this.#session.terminal.err) this.#redraw();
    else if (before?.state !== job.state || before.reason !== job.reason) this.#session.say(changeLine(job)); // B1
  }

  #redraw(): void {
    const { draw, terminal } = this.#session;
    const lines = [...this.#jobs.values()].map((job) => {
      const line = progressLine(job, terminal.columns).slice(0, Math.max(20, terminal.columns - 1)); // B2
      return line.replace(job.state, (word) => paintState(this.#session, job.state)(word));
    });
    draw(`${this.#drawn === 0 ? "" : up(this.#drawn)}${ERASE_DOWN}${lines.join("\n")}\n`);
    this.#drawn = lines.length;
  }
}

/** What changed, as a sentence for a log. */
function changeLine(job: Job): string {
  const why = job.reason === null ? "" : `: ${reasonSentence(job.reason, job)}`;
  const where = job.worker === null ? "" : ` on ${job.worker}`;
  return oneLine(`${job.id} ${job.state}${where}${why}`);
}
