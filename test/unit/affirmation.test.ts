import { beforeEach, describe, expect, it } from "vitest";
import type { FencedReply } from "../../src/batch/batch.ts";
import { Affirmation } from "../../workers/agent/affirmation.ts";
import type { CommitRequest } from "../../workers/keeper/protocol.ts";

const FENCE = { generation: 1, counter: 1, token: "t" };
const OK: FencedReply = { kind: "ok" };
const commit = (seq: number): CommitRequest => ({
  ...{ seq, parent: seq - 1, manifest: `m${seq}`, manifestSha256: "", bytes: 1, progress: null, artifacts: [] },
  ...{ blockedMs: 0, totalMs: 0, account: { restoreMs: 0, checkpointMs: 0, keptMs: 0 } },
});
const voidFrom = (nextSeq: number, below = 2) => ({ kind: "void", below, nextSeq }) as const;

describe("an attempt whose lease is void", () => {
  let asked: number[];
  let said: number[];
  let affirmed: number[];
  let answer: (seq: number) => FencedReply;
  beforeEach(() => {
    [asked, said, affirmed] = [[], [], []];
    answer = () => OK;
  });
  const attempt = (effects: "none" | "outside" = "none"): Affirmation =>
    new Affirmation({
      ...{ job: "j", fence: FENCE, attempt: 1, effects },
      desk: {
        voids: {
          affirm: (_job: string, _fence: unknown, below: number) => {
            affirmed.push(below);
            return Promise.resolve("affirmed" as const);
          },
        },
        commit: (_job: string, _fence: unknown, _attempt: number, { seq }: { seq: number }) => {
          const reply = answer(seq);
          if (reply.kind === "ok") said.push(seq);
          return Promise.resolve(reply);
        },
      } as unknown as ConstructorParameters<typeof Affirmation>[0]["desk"],
      askKeeper: (below) => asked.push(below),
    });
  const committed = (one: Affirmation, ...seqs: readonly number[]): void => {
    for (const seq of seqs) one.committed(commit(seq), OK);
  };

  it("waits for the store's word, is affirmed, and says again what Redis has forgotten, in order", async () => {
    const one = attempt();
    committed(one, 1, 2, 3);
    expect(one.waits).toBe(false);
    expect(await one.take(voidFrom(2))).toBe("waits");
    expect([asked, affirmed, one.waits]).toEqual([[2], [], true]);
    one.found(2, null);
    expect(await one.take(voidFrom(2))).toBe("affirmed");
    expect([affirmed, said, one.waits]).toEqual([[2], [2, 3], false]);
  });

  it("AF2: gives up when the store knows somebody newer", async () => {
    const one = attempt();
    one.found(2, "attempt 1.2");
    expect(await one.take(voidFrom(1))).toEqual({ lost: "the store knows attempt 1.2" });
    expect(affirmed).toEqual([]);
  });

  it("AF3: is never affirmed with effects outside", async () => {
    const one = attempt("outside");
    one.found(2, null);
    expect(await one.take(voidFrom(1))).toMatchObject({ lost: expect.stringContaining("effects outside") as string });
  });

  it("AF4: gives up when it does not remember every checkpoint that Redis has forgotten", async () => {
    const one = attempt();
    committed(one, ...Array.from({ length: 70 }, (_, at) => at + 1));
    one.found(2, null);
    expect(await one.take(voidFrom(6))).toMatchObject({ lost: expect.stringContaining("remember") as string });
    expect(affirmed).toEqual([]);
    expect(await one.take(voidFrom(7))).toBe("affirmed");
    expect(said).toHaveLength(64);
  });

  it("AF4: goes on with it when Redis goes away in the middle, and its writes wait until then", async () => {
    const one = attempt();
    committed(one, 1, 2, 3);
    one.found(2, null);
    answer = (seq) => (seq === 3 ? { kind: "unreachable", detail: "away" } : OK);
    expect(await one.take(voidFrom(2))).toBe("waits");
    expect([said, one.waits]).toEqual([[2], true]);
    answer = () => OK;
    expect(await one.held()).toBe("affirmed");
    expect([said, one.waits]).toEqual([[2, 3], false]);
  });

  it("AF5: asks anew when Redis has lost its memory again", async () => {
    const one = attempt();
    one.found(2, null);
    expect(await one.take(voidFrom(1, 3))).toBe("waits");
    expect([asked, affirmed]).toEqual([[3], []]);
  });

  it("hands on what was freed by saying it again", async () => {
    const one = attempt();
    committed(one, 1);
    one.found(2, null);
    answer = () => ({ kind: "ok", garbage: ["m0"], kept: ["m1"], oldArtifacts: ["a/1"] });
    await one.take(voidFrom(1));
    expect(one.committed(commit(2), { kind: "ok", garbage: ["m1"], kept: ["m2"] })).toEqual({
      ...{ kind: "ok", garbage: ["m0", "m1"], kept: ["m2"], oldArtifacts: ["a/1"] },
    });
  });
});
