/** What became of the jobs of a mixed load: the four counts, the results, and where the time went. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Attempt, Job, JobEventView } from "../../../src/contract/job.ts";
import type { Fleet } from "../fleet.ts";
import { countAtMost, type Expectation } from "../scenario.ts";
import { untilEnded } from "../until-ended.ts";
import { isRight, type Tracked } from "./mixed-load.ts";

export interface Verdict {
  readonly jobs: readonly Job[];
  readonly attempts: readonly Attempt[];
  readonly lost: readonly string[];
  readonly wrong: readonly string[];
  readonly double: readonly string[];
  readonly badResumes: readonly string[];
  /** Whose parts of the time do not add up to the whole. */
  readonly unaccounted: readonly string[];
}

/** Waits until all have ended, and looks. */
export async function verdictOn(fleet: Fleet, tracked: readonly Tracked[]): Promise<Verdict> {
  const { client } = fleet;
  const [jobs, attempts]: [Job[], Attempt[]] = [[], []];
  const lists = { lost: [], wrong: [], double: [], badResumes: [], unaccounted: [] } as Record<string, string[]>;
  const note = (list: keyof Verdict, one: Tracked, job: Job, more: unknown): void => {
    lists[list]?.push(
      `${job.id} (${one.kind}, ${job.state} ${job.reason}, rounds ${one.rounds}): ${JSON.stringify(more)}`,
    );
  };
  for (const one of tracked) {
    const job = await untilEnded(client, one.id);
    jobs.push(job);
    const own = await fleet.attempts(one.id);
    attempts.push(...own);
    const gone = job.state === "cancelled" && one.cancelled;
    if (job.state !== "succeeded" && !gone) note("lost", one, job, job.error);
    else if (!gone && !(await isRight(client, job, one))) note("wrong", one, job, job.output);
    const successes = own.filter(({ outcome }) => outcome === "succeeded").length;
    const outcomes = outcomesIn(fleet, job.id);
    if (successes > 1 + one.rounds || outcomes > 1 + one.rounds) note("double", one, job, { successes, outcomes });
    const history = await historyOf(fleet, one.id);
    const committed = committedIn(history, one.forkedFrom);
    const bad = own.filter(({ fromCheckpoint }) => fromCheckpoint !== null && !committed.has(fromCheckpoint));
    if (bad.length > 0) note("badResumes", one, job, { bad: bad.map(({ number }) => number), own, history });
    const parts = partsOf(job);
    if (parts.sum !== parts.whole) note("unaccounted", one, job, parts);
  }
  return { jobs, attempts, ...(lists as unknown as Omit<Verdict, "jobs" | "attempts">) };
}

function outcomesIn(fleet: Fleet, id: string): number {
  const folder = join(fleet.storeFolder, "jobs", id);
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith("OUTCOME")).length : 0;
}

async function historyOf(fleet: Fleet, id: string): Promise<readonly JobEventView[]> {
  const events: JobEventView[] = [];
  for await (const event of fleet.client.history(id)) events.push(event);
  return events;
}

/** Checkpoints of which the job's history says that they were committed, and what a fork began with. */
function committedIn(history: readonly JobEventView[], forkedFrom: number | null): ReadonlySet<number> {
  const seqs = new Set<number>(forkedFrom === null ? [] : [forkedFrom]);
  for (const { type, data } of history) if (type === "checkpoint") seqs.add(Number(data["seq"]));
  return seqs;
}

function partsOf({ goodput, createdAt, finishedAt }: Job): { readonly sum: number; readonly whole: number } {
  const parts = Object.entries(goodput ?? {}).filter(([name]) => name.endsWith("Ms"));
  const whole = Date.parse(finishedAt ?? "") - Date.parse(createdAt);
  return { sum: parts.reduce((sum, [, ms]) => sum + Number(ms), 0), whole };
}

export function expectationsOn({ lost, wrong, double, badResumes, unaccounted }: Verdict): Expectation[] {
  return [
    countAtMost("jobs lost", lost.length, 0),
    countAtMost("results that differ from an undisturbed run", wrong.length, 0),
    countAtMost("double outcomes", double.length, 0),
    countAtMost("resumes from a checkpoint that was not committed", badResumes.length, 0),
    countAtMost("jobs whose time does not add up", unaccounted.length, 0),
  ];
}
