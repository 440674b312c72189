/**
 * Programs with a contract each, all at a time on one fleet: every worker killed, every job stopped and resumed, every
 * runner killed; then the results are compared with those of undisturbed runs, which are computed here. `contracts` are
 * those in C of `test/support/programs/contracts.yaml`, `unusual` those in Python of `unusual.yaml` beside it.
 */
import { rmSync } from "node:fs";
import { isFinal } from "../../../src/domain/job-state.ts";
import {
  compileContracts,
  CONTRACTS,
  simulationValue,
  TOOLS_OF_THE_UNUSUAL,
  UNUSUAL,
  unusualFile,
} from "../../support/contract-programs.ts";
import { findTool } from "../../support/find-tool.ts";
import { Fleet } from "../../support/fleet.ts";
import { countAtLeast, countAtMost, type Finding, type RunOptions, type Scenario } from "../../support/scenario.ts";

const WORKERS = 3;

export const contracts: Scenario = {
  name: "contracts",
  title: "programs in C, each with another contract: every worker killed, all stopped and resumed, every runner killed",
  run: async (options) => {
    const { folder, file } = compileContracts();
    try {
      return await onAFleet(file, CONTRACTS, options);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

export const unusual: Scenario = {
  name: "unusual",
  title:
    "programs in Python, each with an unusual contract: every worker killed, all stopped and resumed, every runner killed",
  run: (options) => {
    const lacking = TOOLS_OF_THE_UNUSUAL.filter((tool) => findTool(tool) === null);
    if (lacking.length > 0) throw new Error(`this machine does not have ${lacking.join(", ")}`);
    return onAFleet(unusualFile(), options.short ? UNUSUAL.slice(0, 3) : UNUSUAL, options);
  },
};

async function onAFleet(file: string, tasks: readonly string[], options: RunOptions): Promise<Finding> {
  const settings = { CAIRN_PROGRAMS: file, CAIRN_BATCH_SLOTS: "6", CAIRN_ONLINE_SLOTS: "0" };
  const fleet = await Fleet.start({ workers: WORKERS, settings });
  try {
    return await disturb(fleet, { settings, tasks }, options);
  } finally {
    await fleet.stop();
  }
}

async function disturb(
  fleet: Fleet,
  { settings, tasks }: { readonly settings: Readonly<Record<string, string>>; readonly tasks: readonly string[] },
  { say, short }: RunOptions,
): Promise<Finding> {
  const input = { steps: short ? 3_000 : 6_000, stepMs: 20 };
  const ids = new Map<string, string>();
  for (const task of tasks) ids.set(task, (await fleet.client.submit({ task, input })).job.id);
  const seen = new Map<string, number>();
  /** All have a checkpoint that is newer than at the last time. */
  const underWay = async (attempts: number): Promise<void> => {
    const look = async ([task, id]: readonly [string, string]): Promise<void> => {
      const job = await fleet.job(
        id,
        `(${task}) has a new checkpoint`,
        ({ state, checkpoint, attempts: begun }) =>
          isFinal(state) ||
          (state === "running" && begun >= attempts && (checkpoint?.seq ?? 0) > (seen.get(task) ?? 0)),
        120_000,
      );
      if (isFinal(job.state)) say(`${task} ended too early: ${job.state} ${JSON.stringify(job.error)}`);
      seen.set(task, job.checkpoint?.seq ?? 0);
    };
    await Promise.all([...ids].map(look));
  };
  await underWay(1);
  say("every worker is killed");
  for (let n = 1; n <= WORKERS; n += 1) await fleet.signal(`w${n}`, "SIGKILL");
  for (let n = 1; n <= WORKERS; n += 1) await fleet.addWorker(`v${n}`, settings);
  await underWay(2);
  say("all are stopped and resumed");
  await Promise.all([...ids.values()].map((id) => fleet.client.stop(id, { waitMs: 25_000 })));
  for (const [task, id] of ids) {
    await fleet.job(id, `(${task}) is stopped`, ({ state }) => isFinal(state) || state === "stopped", 120_000);
    // The checkpoint that the stop has made is no sign of the attempt that follows.
    seen.set(task, (await fleet.client.job(id)).checkpoint?.seq ?? 0);
    await fleet.client.resume(id);
  }
  await underWay(3);
  say("every runner is killed");
  for (let n = 1; n <= WORKERS; n += 1) await fleet.signal(`v${n}`, "SIGKILL", "runners");

  const measured: Record<string, string> = {};
  const counts = { succeeded: 0, right: 0, anew: 0, fewest: Infinity };
  for (const [task, id] of ids) {
    const job = await fleet.job(id, `(${task}) ended`, ({ state }) => isFinal(state), 300_000);
    const attempts = await fleet.attempts(id);
    const right = job.state === "succeeded" && (await text(fleet, id, "final.txt")) === simulationValue(input.steps);
    measured[task] =
      `${job.state}, ${right ? "right" : "WRONG"}, ${attempts.length} attempts, ${job.checkpoint?.seq ?? 0} checkpoints${job.error === null ? "" : `: ${job.error.detail}`}`;
    counts.succeeded += job.state === "succeeded" ? 1 : 0;
    counts.right += right ? 1 : 0;
    counts.anew += attempts.filter(({ number, fromCheckpoint }) => number > 1 && fromCheckpoint === null).length;
    counts.fewest = Math.min(counts.fewest, attempts.length);
  }
  return {
    measured,
    expectations: [
      countAtLeast("succeeded", counts.succeeded, tasks.length),
      countAtLeast("results that are those of an undisturbed run", counts.right, tasks.length),
      // One that was quick may have ended when the runners were killed.
      countAtLeast("attempts of the one with fewest", counts.fewest, 3),
      countAtMost("attempts that began anew after the first", counts.anew, 0),
    ],
  };
}

async function text(fleet: Fleet, id: string, name: string): Promise<string> {
  const bytes = await fleet.client.artifact(id, name);
  return new TextDecoder().decode(bytes);
}
