/** Runs a program of the README on a fleet, once undisturbed and once disturbed in every way, and compares. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Job } from "../../../src/contract/job.ts";
import { isFinal } from "../../../src/domain/job-state.ts";
import { Fleet } from "../../support/fleet.ts";
import { readmeBlocks } from "../../support/readme.ts";
import { countAtLeast, countAtMost, type Finding, type RunOptions } from "../../support/scenario.ts";

export interface Play {
  readonly task: string;
  readonly input: { readonly steps: number };
  /** Files of the README that are laid in a folder; the first is the programs file. */
  readonly files: readonly string[];
  /** Artifacts that must be the same bits. */
  readonly compare: readonly string[];
}

const hasEnded = ({ state }: Job): boolean => isFinal(state);

export async function disturbed(play: Play, { say }: RunOptions): Promise<Finding> {
  const folder = mkdtempSync(join(tmpdir(), "cairn-programs-"));
  // Chaos runs are started in the folder of the repository.
  const blocks = readmeBlocks(readFileSync("README.md", "utf8"));
  for (const { name, content } of blocks) if (play.files.includes(name)) writeFileSync(join(folder, name), content);
  const settings = {
    CAIRN_PROGRAMS: join(folder, play.files[0] ?? ""),
    CAIRN_BATCH_SLOTS: "1",
    CAIRN_ONLINE_SLOTS: "0",
  };
  const fleet = await Fleet.start({ workers: 3, settings });
  try {
    return await compare(fleet, play, settings, say);
  } finally {
    await fleet.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compare(
  fleet: Fleet,
  { task, input, compare: names }: Play,
  settings: Readonly<Record<string, string>>,
  say: RunOptions["say"],
): Promise<Finding> {
  const submit = async (): Promise<string> => (await fleet.client.submit({ task, input })).job.id;
  const undisturbed = await submit();
  const reference = await fleet.job(undisturbed, "ended", hasEnded, 240_000);
  say(`undisturbed: ${reference.state} ${JSON.stringify(reference.output)}`);

  const id = await submit();
  let seq = 0;
  /** The attempt of this number runs, with a checkpoint that is newer than the last one seen. */
  const underWay = async (attempt: number): Promise<string> => {
    const job = await fleet.job(
      id,
      "has a new checkpoint",
      (seen) =>
        hasEnded(seen) || (seen.state === "running" && seen.attempts === attempt && (seen.checkpoint?.seq ?? 0) > seq),
      120_000,
    );
    if (hasEnded(job)) throw new Error(`it ended too early: ${JSON.stringify(job)}`);
    seq = job.checkpoint?.seq ?? 0;
    return job.worker ?? "";
  };
  const killed = await underWay(1);
  say(`killed: all of ${killed}, at checkpoint ${seq}`);
  await fleet.signal(killed, "SIGKILL");
  await fleet.addWorker("replacement", settings);
  await underWay(2);
  say(`stopped and resumed, at checkpoint ${seq}`);
  await fleet.client.stop(id, { waitMs: 25_000 });
  // The checkpoint that the stop has made is no sign of the attempt that follows.
  seq = (await fleet.client.job(id)).checkpoint?.seq ?? seq;
  await fleet.client.resume(id);
  const program = await underWay(3);
  const runners = await fleet.signal(program, "SIGKILL", "runners");
  say(`killed: the runner on ${program} (${runners.join(", ")}), at checkpoint ${seq}`);
  const end = await fleet.job(id, "ended", hasEnded, 240_000);
  say(`disturbed: ${end.state} ${JSON.stringify(end.output)}`);

  const hashes = async (of: string): Promise<Map<string, string>> => {
    const found = new Map<string, string>();
    for await (const { name, sha256 } of fleet.client.artifacts(of)) found.set(name, sha256);
    return found;
  };
  const [one, other] = [await hashes(undisturbed), await hashes(id)];
  const same = names.filter((name) => one.has(name) && one.get(name) === other.get(name));
  const attempts = await fleet.attempts(id);
  return {
    measured: {
      attempts: attempts.length,
      checkpoints: end.checkpoint?.seq ?? 0,
      ...Object.fromEntries(names.map((name) => [name, other.get(name)?.slice(0, 16) ?? "absent"])),
    },
    expectations: [
      countAtLeast("succeeded", end.state === "succeeded" ? 1 : 0, 1),
      countAtLeast("artifacts that are the same bits", same.length, names.length),
      countAtLeast("attempts", attempts.length, 4),
      countAtMost(
        "attempts that began anew",
        attempts.filter(({ fromCheckpoint }) => fromCheckpoint === null).length,
        1,
      ),
    ],
  };
}
