import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import type { CheckpointStore } from "../../src/checkpoints/checkpoints.ts";
import { AnsweringStore } from "../../workers/keeper/answering-store.ts";
import { StoreSilence } from "../../workers/keeper/store-silence.ts";

/** A silence of half a minute, looked at each second of a clock that the test turns. */
class Bed {
  now = 0;
  readonly changes: string[] = [];
  probes = 0;
  #answerProbe: () => void = () => undefined;
  readonly silence = new StoreSilence({
    clock: { monotonicMs: () => this.now },
    silentMs: 30_000,
    probe: () => {
      this.probes += 1;
      return new Promise((resolve) => (this.#answerProbe = resolve));
    },
    onChange: (standing) => this.changes.push(standing),
  });

  pass(seconds: number): void {
    for (let n = 0; n < seconds; n += 1) {
      this.now += 1_000;
      this.silence.look();
    }
  }

  async answerProbe(): Promise<void> {
    this.#answerProbe();
    await turn();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const never = <T>(): Promise<T> => new Promise(() => undefined);
const SILENT = /answered nothing at all for 30 s/;

/** What became of it so far. */
function fateOf(promise: Promise<unknown>): { kind: "waits" | "ok" | "fault" } {
  const fate: ReturnType<typeof fateOf> = { kind: "waits" };
  promise.then(
    () => (fate.kind = "ok"),
    () => (fate.kind = "fault"),
  );
  return fate;
}

describe("the silence of a store", () => {
  test("SS1, SS3: what nobody answers is a fault in the end, and so is what is asked after it, at once", async () => {
    const bed = new Bed();
    bed.pass(100); // Nobody waits.
    const call = bed.silence.answerOf(() => never());
    const fate = fateOf(call);
    bed.pass(29);
    await turn();
    expect(fate.kind).toBe("waits");
    bed.pass(1);
    await expect(call).rejects.toThrow(SILENT);
    let asked = 0;
    await expect(bed.silence.answerOf(() => Promise.resolve((asked += 1)))).rejects.toThrow(SILENT);
    expect(asked).toBe(0);
    expect(bed.changes).toEqual(["silent"]);
  });

  test("SS1: a call that takes long is not cut while the store answers a small question, time after time", async () => {
    const bed = new Bed();
    const fate = fateOf(bed.silence.answerOf(() => never()));
    for (let n = 0; n < 20; n += 1) {
      bed.pass(10);
      await bed.answerProbe();
    }
    expect(fate.kind).toBe("waits");
    expect(bed.probes).toBe(20);
  });

  test("SS1: nor while it answers other calls", async () => {
    const bed = new Bed();
    const fate = fateOf(bed.silence.answerOf(() => never()));
    for (let n = 0; n < 10; n += 1) {
      bed.pass(20);
      await bed.silence.answerOf(() => Promise.reject(new Error("EIO"))).catch(() => undefined);
    }
    expect(fate.kind).toBe("waits");
  });

  test("SS2: the time in which this process was frozen is nobody's silence", async () => {
    const bed = new Bed();
    const fate = fateOf(bed.silence.answerOf(() => never()));
    bed.pass(20);
    bed.now += 3_600_000;
    bed.pass(29);
    await turn();
    expect(fate.kind).toBe("waits");
    bed.pass(2);
    await turn();
    expect(fate.kind).toBe("fault");
  });

  test("SS3: the first late answer ends it", async () => {
    const bed = new Bed();
    let answer: (value: string) => void = () => undefined;
    const call = bed.silence.answerOf(() => new Promise<string>((resolve) => (answer = resolve)));
    call.catch(() => undefined);
    bed.pass(30);
    answer("late");
    await turn();
    expect(bed.changes).toEqual(["silent", "answers"]);
    expect(await bed.silence.answerOf(() => Promise.resolve("here"))).toBe("here");
  });

  test("content that breaks off in silence ends with the fault, and that is no answer", async () => {
    const bed = new Bed();
    const content = new PassThrough();
    const store = { url: "file:/s", get: () => Promise.resolve(content) } as unknown as CheckpointStore;
    const passed = await new AnsweringStore(store, bed.silence).get("name");
    const read = (async () => {
      let text = "";
      for await (const piece of passed ?? []) text += String(piece);
      return text;
    })();
    read.catch(() => undefined);
    content.write("half");
    await turn();
    bed.pass(31);
    await expect(read).rejects.toThrow(SILENT);
    expect(bed.changes).toEqual(["silent"]);
  });

  test("content that comes to its end is passed on whole", async () => {
    const bed = new Bed();
    const content = new PassThrough();
    content.end("all of it");
    const store = { url: "file:/s", get: () => Promise.resolve(content) } as unknown as CheckpointStore;
    const passed = await new AnsweringStore(store, bed.silence).get("name");
    expect(String((await passed?.toArray())?.join(""))).toBe("all of it");
  });
});
