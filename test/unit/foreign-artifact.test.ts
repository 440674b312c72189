/** An artifact of another job on its way into the folder of this one. */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeIdentity, openStore, storeNames, type CheckpointStore } from "../../src/checkpoints/checkpoints.ts";
import type { FencedReply } from "../../src/batch/batch.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { CheckpointViews } from "../../workers/keeper/checkpoint-views.ts";
import type { AgentLink } from "../../workers/keeper/agent-link.ts";

const job = "01hzzzzzzzzzzzzzzzzzzzzzzz";
const content = "a mesh";
const sha256 = createHash("sha256").update(content).digest("hex");

describe("an artifact of another job", () => {
  let root: string;
  let store: CheckpointStore;
  let storeId: string;
  let heldUp: string[];
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "cairn-foreign-"));
    store = openStore(`file:${join(root, "store")}`);
    storeId = await makeIdentity(store);
    heldUp = [];
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const ask = (maxBytes: number, signal = new AbortController().signal) => {
    const reply: FencedReply = { kind: "ok", artifact: { sha256, bytes: content.length } };
    const views = new CheckpointViews({
      ...{ store, folder: root, clock: systemClock, assignment: { storeId, storePatienceMs: 60_000 } },
      link: { request: () => Promise.resolve(reply) } as unknown as AgentLink,
      onHeldUp: (why) => heldUp.push(why),
    });
    return views.answer({ kind: "artifact", id: 1, job, name: "mesh.dat", maxBytes }, signal);
  };
  const published = async (): Promise<string> => {
    await store.create(storeNames.artifactName(job, "mesh.dat", sha256), Buffer.from(content));
    return join(root, "store", storeNames.artifactName(job, "mesh.dat", sha256));
  };

  it("is laid out when it is what was committed", async () => {
    await published();
    const answer = await ask(100);
    expect(answer).toMatchObject({ kind: "file", id: 1 });
    expect(await readFile((answer as { path: string }).path, "utf8")).toBe(content);
  });

  it("FA1: is not used when a byte of it has changed", async () => {
    const path = await published();
    await rm(path);
    await writeFile(path, "a mosh");
    expect(await ask(100)).toMatchObject({
      kind: "trouble",
      why: "fault",
      message: expect.stringMatching(/is damaged: .*; retry that job/) as string,
    });
    expect(heldUp).toEqual([]);
  });

  it("FA2: that is absent from the store it was in is absent; another store holds the attempt up", async () => {
    const message = expect.stringMatching(/is not in the store any more; retry that job/) as string;
    expect(await ask(100)).toMatchObject({ kind: "trouble", why: "absent", message });
    await rm(join(root, "store"), { recursive: true });
    expect(await ask(100, AbortSignal.abort())).toMatchObject({ kind: "trouble", why: "fault" });
    expect(heldUp).toEqual(["store_unavailable"]);
  });

  it("FA3: that is longer than wanted is refused before it is looked for", async () => {
    const message = `the artifact mesh.dat of job ${job} has 6 bytes, more than 5; raise maxBytes`;
    expect(await ask(5)).toMatchObject({ kind: "trouble", why: "absent", message });
  });
});
