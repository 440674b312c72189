/** The API and the workers behind it. */
import { CairnProblem } from "../../client/fault.ts";
import type { CairnClient } from "../../client/client.ts";
import type { Worker } from "../../contract/worker.ts";
import { fail, ok, warn, type Finding } from "./finding.ts";

export interface ApiQuestion {
  readonly client: CairnClient;
  /** Was the address said (`given`), or is it a guess? Nobody needs to be where nobody said. */
  readonly address: { readonly known: boolean; readonly advice: string };
}

export async function askApi({ client, address }: ApiQuestion): Promise<Finding[]> {
  try {
    await client.ready();
  } catch (error) {
    if (error instanceof CairnProblem) {
      return [fail("API", `${client.url} is not ready: ${error.problem.detail}`, error.problem.hint)];
    }
    const reason = error instanceof Error ? error.message : String(error);
    return [address.known ? fail("API", reason, address.advice) : warn("API", reason, address.advice)];
  }
  const workers: Worker[] = [];
  for await (const worker of client.workers()) workers.push(worker);
  return [ok("API", `${client.url} is ready`), ...judgeWorkers(workers)];
}

export function judgeWorkers(workers: readonly Worker[]): Finding[] {
  const by = (...states: Worker["state"][]): string[] =>
    workers.filter(({ state }) => states.includes(state)).map(({ id }) => id);
  const ready = by("ready");
  const live = workers.filter(({ state }) => state !== "lost" && state !== "stopped");
  const versions = [...new Set(live.map(({ version }) => version))].sort();
  const findings: Finding[] = [
    ready.length > 0
      ? ok("workers", `${ready.length} ready`)
      : warn(
          "workers",
          "none is ready",
          "Start one: cairn worker. Until then jobs wait and online requests are refused.",
        ),
  ];
  if (versions.length > 1) {
    findings.push(
      warn(
        "versions of workers",
        versions.join(", "),
        "Fine during an upgrade; else drain and restart those that were forgotten.",
      ),
    );
  } else if (versions[0] !== undefined) findings.push(ok("versions of workers", versions[0]));
  const lost = by("lost");
  if (lost.length > 0)
    findings.push(
      warn("lost workers", lost.join(", "), "Their work goes on elsewhere. Look at their machines, or replace them."),
    );
  const aside = by("quarantined", "cordoned");
  if (aside.length > 0)
    findings.push(warn("workers set aside", aside.join(", "), "cairn uncordon brings them back when they are mended."));
  return findings;
}
