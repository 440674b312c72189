/** Lists of jobs: by every filter, page by page, from the indexes alone. */
import { describe, expect } from "vitest";
import type { BatchBench } from "../support/batch-bench.ts";
import { EVERY_REDIS } from "../support/batch-test.ts";

describe.each(EVERY_REDIS)("a list of jobs on %s", (_name, it) => {
  it("comes page by page, newest first, by every filter and by several", async ({ batch }) => {
    const ids: string[] = [];
    for (let n = 0; n < 7; n += 1)
      ids.unshift(await batch.created({ labels: { parity: n % 2 === 0 ? "even" : "odd", all: "yes" } }));
    const { job: leased } = await batch.lease("w1");
    ids.sort().reverse(); // Of one millisecond any may be the newer one.
    const all = await pages(batch, { states: [], labels: [] });
    expect(all).toEqual(ids);
    expect(
      await pages(batch, {
        states: ["queued"],
        task: "count",
        labels: [
          ["parity", "even"],
          ["all", "yes"],
        ],
      }),
    ).toHaveLength(3);
    expect(await pages(batch, { states: ["running", "queued"], labels: [] })).toEqual(ids);
    expect(await pages(batch, { states: ["running"], worker: "w1", labels: [] })).toEqual([leased]);
    expect(await pages(batch, { states: [], task: "other", labels: [] })).toEqual([]);
    expect((await batch.reader.list({ states: [], labels: [] }, { cursor: "x", limit: 2 })).kind).toBe("bad_cursor");
  });

  it("is of one caller, with every other filter, whatever becomes of the job, until it is forgotten", async ({
    batch,
  }) => {
    const submit = async (caller: string, labels = {}): Promise<string> => {
      const outcome = await batch.submit({ labels }, null, caller);
      if (outcome.kind !== "created") throw new Error(outcome.kind);
      return outcome.job.id;
    };
    const first = await submit("ann", { run: "1" });
    const second = await submit("ann", { run: "2" });
    await submit("address:10.0.0.7", { run: "1" });
    const by = (caller: string, more: object = {}): Promise<string[]> =>
      pages(batch, { states: [], labels: [], caller, ...more });
    expect(await by("ann")).toEqual([first, second].sort().reverse());
    expect(await by("ann", { labels: [["run", "1"]] })).toEqual([first]);
    expect(await by("address:10.0.0.7", { task: "count", class: "batch" })).toHaveLength(1);
    expect(await by("bob")).toEqual([]);
    const { job } = await batch.lease("w1");
    expect(await by("ann", { states: ["running"], worker: "w1" })).toEqual([job]);
    expect(await by("ann", { states: ["queued"] })).toHaveLength(1);
    const [queued = ""] = await by("ann", { states: ["queued"] });
    await batch.writer.control(queued, "cancel", { by: "me" });
    expect(await by("ann", { states: ["cancelled", "queued"] })).toEqual([queued]);
    await batch.writer.remove(queued);
    expect(await by("ann")).toEqual([job]);
  });
});

async function pages(batch: BatchBench, filter: Parameters<BatchBench["reader"]["list"]>[0]): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await batch.reader.list(filter, { cursor, limit: 3 });
    if (page.kind !== "page") throw new Error(page.kind);
    ids.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return ids;
}
