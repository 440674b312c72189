import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jobId } from "../../src/contract/json.ts";
import { counterOf, decodeBeat, encodeBeat } from "../../src/online/beat.ts";
import { requestIds } from "../../src/online/request-id.ts";
import {
  decodeAnswer,
  decodeControl,
  decodeTask,
  encodeAnswer,
  encodeControl,
  encodeTask,
  STATUSES,
  WAKE,
} from "../../src/online/wire.ts";

const word = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/);
const body = fc.oneof(fc.json(), fc.string({ unit: "binary" }), fc.constant("a\nb\n"), fc.constant(""));

describe("entries of the online lists", () => {
  it("N2: bring an input over as it is, whatever it holds", () => {
    fc.assert(
      fc.property(
        fc.record({
          id: word,
          attempt: fc.integer({ min: 1, max: 99 }),
          api: word,
          expiresAtMs: fc.integer({ min: 0, max: 2 ** 45 }),
          definitions: fc.array(word, { minLength: 1, maxLength: 3 }),
          trace: fc.option(word.filter((text) => text !== "-")),
          fence: fc.option(word),
          input: body,
        }),
        (entry) => {
          expect(decodeTask(encodeTask(entry))).toEqual({ kind: "entry", entry });
        },
      ),
    );
  });

  it("bring an answer over as it is", () => {
    fc.assert(
      fc.property(
        fc.record({
          id: word,
          attempt: fc.integer({ min: 1, max: 99 }),
          status: fc.constantFrom(...STATUSES),
          replica: word,
          runUs: fc.integer({ min: 0 }),
          retryAfterMs: fc.integer({ min: 0 }),
          body,
        }),
        (answer) => {
          expect(decodeAnswer(encodeAnswer(answer))).toEqual(answer);
        },
      ),
    );
  });

  it("N1: of a later format it is still known whom to tell that it cannot be read", () => {
    expect(decodeTask("2 job 7 api and something new\n{}")).toEqual({
      kind: "other_format",
      id: "job",
      attempt: 7,
      api: "api",
    });
  });

  it("are passed over when they are nothing", () => {
    expect(decodeTask(WAKE).kind).toBe("noise");
    expect(decodeTask("").kind).toBe("noise");
    expect(decodeAnswer("2 x")).toBeNull();
    expect(decodeAnswer("1 id 1 unheard_of r 0 0\n")).toBeNull();
    expect(decodeControl("1 dance id 1 api")).toBeNull();
  });

  it("carry orders to a replica", () => {
    const order = { verb: "ask", id: "job", attempt: 2, api: "api" } as const;
    expect(decodeControl(encodeControl(order))).toEqual(order);
    const park = { verb: "park", task: "echo", forMs: 3_000, api: "api" } as const;
    expect(decodeControl(encodeControl(park))).toEqual(park);
  });
});

describe("beat", () => {
  it("of a replica older than parking can be read: it is not parked, and cannot be", () => {
    const old = `1 5 {"worker":"w","zone":null,"pid":7,"state":"ready","lagMs":0,"slots":16,"inFlight":0,"tasks":{"echo":{"definition":"d","free":16,"p95Ms":null}}}`;
    expect(decodeBeat(old)?.tasks["echo"]).toMatchObject({ held: 0, parked: null, taken: null });
  });

  const beat = {
    worker: "w",
    zone: null,
    pid: 7,
    state: "ready",
    lagMs: 0,
    slots: 16,
    unfit: null,
    inFlight: 3,
    tasks: { echo: { definition: "d", free: 13, p95Ms: 1.5, held: 2, parked: false, taken: 9 } },
  } as const;

  it("is read back, its counter without the rest", () => {
    const text = encodeBeat(42, beat);
    expect(counterOf(text)).toBe(42);
    expect(decodeBeat(text)).toEqual(beat);
  });

  it("of another format is not a beat", () => {
    expect(counterOf("2 42 {}")).toBeNull();
    expect(counterOf("garbage")).toBeNull();
    expect(decodeBeat("1 42 {")).toBeNull();
    expect(decodeBeat('1 42 {"worker":1}')).toBeNull();
  });
});

describe("ids of requests", () => {
  it("are ids of jobs, all different, and sort by time", () => {
    let now = Date.UTC(2026, 0, 1);
    const next = requestIds(() => now, Math.random);
    const ids = Array.from({ length: 1_000 }, (_, at) => {
      if (at % 10 === 0) now += 1;
      return next();
    });
    expect(new Set(ids).size).toBe(1_000);
    expect([...ids].sort()).toEqual(ids);
    for (const id of ids) expect(jobId.safeParse(id).success).toBe(true);
  });
});
