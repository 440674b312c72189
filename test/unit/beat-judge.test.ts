import { describe, expect, it } from "vitest";
import { BeatJudge, REPLICA_BEATS, type StandingChange } from "../../src/domain/beat-judge.ts";

/** Plays reads every 250 ms; `beats` says who beats in that round. */
function play(
  judge: BeatJudge,
  rounds: number,
  options: {
    readonly ids: readonly string[];
    readonly beats: (id: string, round: number) => boolean;
    readonly fromMs?: number;
  },
): StandingChange[] {
  const counters = new Map(options.ids.map((id) => [id, 1]));
  const changes: StandingChange[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const id of options.ids) if (options.beats(id, round)) counters.set(id, (counters.get(id) ?? 0) + 1);
    changes.push(...judge.observe(counters, (options.fromMs ?? 0) + round * 250));
  }
  return changes;
}

describe("beat judge", () => {
  it("J1: suspects after 750 ms of silence and gives up after 1.5 s", () => {
    const judge = new BeatJudge(REPLICA_BEATS);
    const ids = ["a", "b", "c"];
    play(judge, 4, { ids, beats: () => true });
    const counters = new Map([
      ["a", 5],
      ["b", 100],
      ["c", 100],
    ]);
    const standings: string[] = [];
    for (let round = 0; round < 7; round++) {
      counters.set("b", 101 + round);
      counters.set("c", 101 + round);
      judge.observe(counters, 1_000 + round * 250);
      standings.push(judge.standing("a"));
    }
    expect(standings).toEqual(["live", "live", "suspect", "suspect", "suspect", "lost", "lost"]);
  });

  it("J2: a pause of the observer is nobody's silence", () => {
    const judge = new BeatJudge(REPLICA_BEATS);
    judge.observe(
      new Map([
        ["a", 1],
        ["b", 1],
        ["c", 1],
      ]),
      0,
    );
    judge.observe(
      new Map([
        ["a", 2],
        ["b", 2],
        ["c", 2],
      ]),
      250,
    );
    const changes = judge.observe(
      new Map([
        ["a", 2],
        ["b", 9],
        ["c", 9],
      ]),
      60_000,
    );
    expect(changes).toEqual([]);
    expect(judge.standing("a")).toBe("live");
  });

  it("J3: when most fall silent at once nobody is suspected, until it has lasted", () => {
    const judge = new BeatJudge(REPLICA_BEATS);
    const ids = ["a", "b", "c"];
    const changes = play(judge, 60, { ids, beats: (id, round) => round < 5 || id === "c" });
    const judged = changes.filter(({ to }) => to === "suspect" || to === "lost");
    expect(judged.map(({ id, to }) => `${id} ${to}`).sort()).toEqual(["a lost", "a suspect", "b lost", "b suspect"]);
    const calm = new BeatJudge(REPLICA_BEATS);
    const soon = play(calm, 20, { ids, beats: (id, round) => round < 5 || id === "c" });
    expect(soon.filter(({ to }) => to === "suspect" || to === "lost")).toEqual([]);
  });

  it("J4: what never moved is not live", () => {
    const judge = new BeatJudge(REPLICA_BEATS);
    play(judge, 3, { ids: ["yesterday"], beats: () => false });
    expect(judge.standing("yesterday")).toBe("unproven");
    play(judge, 10, { ids: ["yesterday"], beats: () => false });
    expect(judge.standing("yesterday")).toBe("lost");
  });

  it("J5: who beats again is live again; who takes its entry away is gone", () => {
    const judge = new BeatJudge({ ...REPLICA_BEATS, panicMs: 0 });
    play(judge, 20, { ids: ["a"], beats: (_id, round) => round < 3 });
    expect(judge.standing("a")).toBe("lost");
    judge.observe(new Map([["a", 77]]), 5_000);
    expect(judge.standing("a")).toBe("live");
    expect(judge.observe(new Map(), 5_250)).toEqual([{ id: "a", from: "live", to: "gone" }]);
    expect(judge.standing("a")).toBe("unknown");
  });
});
