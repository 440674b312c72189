/** The online path while replicas die, freeze, block and lose words. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { InvokeOutcome } from "../../src/online/online.ts";
import { eventually } from "./eventually.ts";
import { OnlineBed } from "./online.ts";
import { kinds, notes, unanswered } from "./online-notes.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cairn-online-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What one replica can do alone, also on a machine that is several times slower: then it is faults that are tested. */
const PER_SECOND = 80;

/** Sends at a fixed rate until `until` is over, whatever becomes of the earlier ones. */
async function openLoad(
  send: () => Promise<InvokeOutcome>,
  perSecond: number,
  during: () => Promise<void>,
): Promise<InvokeOutcome[]> {
  const requests: Promise<InvokeOutcome>[] = [];
  const begin = performance.now();
  const timer = setInterval(() => {
    while (requests.length < ((performance.now() - begin) / 1_000) * perSecond) requests.push(send());
  }, 5);
  await during();
  clearInterval(timer);
  return Promise.all(requests);
}

/** The tests, on a Redis or several. */
export function faultsOfReplicas(
  name: string,
  start: () => Promise<{ readonly url: string; stop(): Promise<void> }>,
): void {
  describe(`faults of replicas on ${name}`, () => {
    let redis: Awaited<ReturnType<typeof start>>;
    /** Replicas that a test leaves alive serve the next ones too. */
    let bed: OnlineBed;
    beforeAll(async () => {
      redis = await start();
      bed = new OnlineBed(redis.url);
    });
    afterAll(async () => {
      await bed.stop();
      await redis.stop();
    });

    it("tells the truth about what must not run twice: started, lost, and run once", async () => {
      const { api, replicas } = await bed.start(2);
      const file = join(folder, "notes");
      const request = api.invoke("careful", { ms: 60_000, file });
      const [line] = await eventually("it runs", () => {
        const lines = notes(file, "began");
        return lines.length > 0 ? lines : null;
      });
      await pause(300); // Its replica has said so.
      const pid = Number(line!.split(" ")[3]);
      replicas.find((one) => one.pid === pid)!.kill("SIGKILL");
      expect(await request).toMatchObject({ kind: "outcome_unknown", attempts: [{ outcome: "lost" }] });
      expect(notes(file, "began")).toHaveLength(1);
    });

    it("runs once what must not run twice, when a replica froze before it could take it", async () => {
      const { api, replicas } = await bed.start(2);
      for (const replica of replicas) replica.kill("SIGSTOP");
      await pause(1_200); // Their last blocks have ended: what is sent now stays in the list.
      const file = join(folder, "notes");
      const request = api.invoke("careful", { ms: 1, file });
      await pause(500);
      replicas[1]!.kill("SIGCONT");
      expect(await request).toMatchObject({ kind: "answered" });
      replicas[0]!.kill("SIGCONT");
      await api.sees(2);
      expect(notes(file, "began")).toHaveLength(1);
    });

    it("loses nothing when a handler blocks the event loop of its replica", async () => {
      const { api } = await bed.start(2);
      const file = join(folder, "notes");
      const blocked = api.invoke("blocking", { ms: 3_000, file });
      await eventually("it runs", () => notes(file, "began").length > 0);
      const outcomes = await Promise.all(Array.from({ length: 50 }, (_, n) => api.invoke("echo", n)));
      expect(kinds(outcomes)).toEqual({ answered: 50 });
      expect((await blocked).kind).toBe("answered");
    });

    it("loses no request when a replica freezes under load, and takes it back when it thaws", async () => {
      const { api, replicas } = await bed.start(3);
      const outcomes = await openLoad(
        () => api.invoke("sleep", { ms: 30 }),
        PER_SECOND,
        async () => {
          await pause(500);
          replicas[0]!.kill("SIGSTOP");
          await api.sees(2);
          await pause(1_500);
          replicas[0]!.kill("SIGCONT");
          await api.sees(3);
        },
      );
      expect(unanswered(outcomes)).toEqual({});
    });

    it("Q7: refuses none of those that have come while it was held up itself", async () => {
      const { api } = await bed.start(3);
      const outcomes = await openLoad(
        () => api.invoke("sleep", { ms: 30 }),
        PER_SECOND / 2,
        async () => {
          await pause(500);
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
          await pause(500);
        },
      );
      expect(unanswered(outcomes)).toEqual({});
    });

    it("loses no request when replicas are killed under load", async () => {
      const { api, replicas } = await bed.start(3);
      const outcomes = await openLoad(
        () => api.invoke("sleep", { ms: 30 }),
        PER_SECOND,
        async () => {
          await pause(500);
          replicas[0]!.kill("SIGKILL");
          await pause(2_500);
          replicas[1]!.kill("SIGKILL");
          await pause(1_000);
        },
      );
      expect(unanswered(outcomes)).toEqual({});
      expect(outcomes.length).toBeGreaterThan(150);
    });

    it("stops giving a request to replicas when it has killed three", async () => {
      const { api } = await bed.start(4);
      const file = join(folder, "notes");
      const outcome = await api.invoke("deadly", { file }, { deadlineMs: 30_000 });
      expect(outcome).toMatchObject({ kind: "failed", fault: "task" });
      expect(notes(file, "began")).toHaveLength(3);
    });

    it("nor to a fourth when the third is only suspect", async () => {
      const { api } = await bed.start(4);
      const file = join(folder, "notes");
      // So each beats once more when the one before it is suspect already: it is lost before this one is suspect.
      const outcome = await api.invoke("deadly", { file, afterMs: 400 }, { deadlineMs: 30_000 });
      expect(outcome).toMatchObject({ kind: "failed", fault: "task" });
      expect(notes(file, "began")).toHaveLength(3);
    });

    it("nor when Redis confirms to nobody that it has what they run", async () => {
      await bed.start(4);
      const api = await bed.coordinator("unsure", "online.push-answer=skip");
      await api.sees(4);
      const file = join(folder, "notes");
      await api.invoke("deadly", { file }, { deadlineMs: 30_000 });
      expect(notes(file, "began")).toHaveLength(3);
    });

    it("pays for a lost answer with a repeat, not with a hang", async () => {
      const forgetful = new OnlineBed(redis.url);
      try {
        await forgetful.replica({ faults: "online.answer=skip@1" });
        const { api } = await forgetful.start(1);
        const file = join(folder, "notes");
        const outcome = await api.invoke("slow", { ms: 100, file }, { deadlineMs: 6_000 });
        expect(outcome).toMatchObject({ kind: "answered" });
        expect(notes(file, "ended")).toHaveLength(2);
      } finally {
        await forgetful.stop();
      }
    });
  });
}
