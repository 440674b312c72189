/** What a keeper believes of a store that comes and goes. */
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { makeIdentity, type CheckpointStore } from "../../src/checkpoints/checkpoints.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { AgentLink } from "../../workers/keeper/agent-link.ts";
import { restore } from "../../workers/keeper/restore.ts";
import { TestJob } from "../support/keeper-agent.ts";

test("RS4: a mount that comes back between the look and the question whose store it is: nothing is absent", async () => {
  const job = await TestJob.create({ input: JSON.stringify({ steps: 200, stepMs: 50 }), intervalMs: 150 });
  onTestFinished(() => job.close());
  const attempt = job.attempt();
  await attempt.until("a checkpoint", () => job.commits.length >= 1);
  await attempt.killKeeper();
  const storeId = await makeIdentity(job.store);
  const [mounted, away] = [join(job.root, "store"), join(job.root, "elsewhere")];
  await rename(mounted, away);
  await mkdir(mounted);

  const mountComesBack = async (): Promise<void> => {
    await rename(mounted, `${mounted}.empty`);
    await rename(away, mounted);
  };
  const asked: string[] = [];
  const link = new AgentLink({
    clock: systemClock,
    send: (message) => {
      if (message.kind !== "request") return;
      asked.push(message.request.kind);
      link.take(message.id, { kind: "ok" });
    },
  });
  const restoring = await restore({
    assignment: { ...attempt.assignment, candidates: job.candidates, storeId },
    store: beforeFirst(job.store, "IDENTITY.json", mountComesBack),
    link,
    clock: systemClock,
    folder: join(job.root, "restored"),
    signal: new AbortController().signal,
    onSetAside: () => undefined,
  });
  expect(asked).toEqual([]);
  expect(restoring).toMatchObject({ kind: "restored", checkpoint: { manifest: { seq: job.commits.at(-1)?.seq } } });
});

test("CK4: writes no checkpoint onto a folder that has lost its mount, and goes on when it is back", async () => {
  const job = await TestJob.create({ input: JSON.stringify({ steps: 200, stepMs: 50 }), intervalMs: 150 });
  onTestFinished(() => job.close());
  const storeId = await makeIdentity(job.store);
  const [mounted, away] = [join(job.root, "store"), join(job.root, "elsewhere")];
  const attempt = job.attempt({ storeId });
  attempt.answering = (request) => {
    if (request.kind === "commit" && job.commits.length === 0) {
      renameSync(mounted, away);
      mkdirSync(mounted);
    }
    return null;
  };
  await attempt.until("a checkpoint is dropped", () => attempt.requests.some(({ kind }) => kind === "dropped"));
  expect(existsSync(join(mounted, "jobs", job.id, "checkpoints"))).toBe(false);
  expect(existsSync(join(mounted, "jobs", job.id, "objects"))).toBe(false);
  await rename(mounted, `${mounted}.empty`);
  await rename(away, mounted);
  const before = job.commits.length;
  await attempt.until("it goes on", () => job.commits.length > before);
});

/** The store, in which something happens before a name is read for the first time. */
function beforeFirst(store: CheckpointStore, name: string, happen: () => Promise<void>): CheckpointStore {
  let awaited = true;
  return {
    url: store.url,
    create: (...args) => store.create(...args),
    createNamed: (...args) => store.createNamed(...args),
    get: async (wanted, from) => {
      if (awaited && wanted === name) {
        awaited = false;
        await happen();
      }
      return store.get(wanted, from);
    },
    copyTo: (...args) => store.copyTo(...args),
    stat: (wanted) => store.stat(wanted),
    list: (prefix) => store.list(prefix),
    delete: (wanted) => store.delete(wanted),
    sweep: () => store.sweep(),
  };
}
