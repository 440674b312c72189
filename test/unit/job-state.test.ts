import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  FINAL_STATES,
  isFinal,
  JOB_STATES,
  ORDERS,
  TRANSITIONS,
  transition,
  type JobEvent,
  type JobState,
} from "../../src/domain/job-state.ts";

const STATES = Object.keys(JOB_STATES) as JobState[];
const EVENTS = [...new Set(STATES.flatMap((state) => Object.keys(TRANSITIONS[state])))] as JobEvent[];
const anyEvents = fc.array(fc.constantFrom(...EVENTS), { maxLength: 200 });

describe("the states of a job", () => {
  it("S3: a final state is left by retry alone, and that of a job that never ran by the retry of its parent", () => {
    const exits = FINAL_STATES.map((state) => [state, Object.keys(TRANSITIONS[state])]);
    expect(Object.fromEntries(exits)).toEqual({
      succeeded: ["retry"],
      failed: ["retry"],
      cancelled: ["retry", "revive"],
      expired: ["retry", "revive"],
    });
  });

  it("S1: what people are told that they may ask for in a state is what the table has", () => {
    for (const state of STATES) {
      const exits = Object.keys(TRANSITIONS[state]);
      const orders: readonly string[] = ORDERS[state];
      const asked = exits.includes("ask");
      expect([state, orders.includes("stop")]).toEqual([state, exits.includes("stop") || asked]);
      expect([state, orders.includes("cancel")]).toEqual([state, exits.includes("cancel") || asked]);
      for (const order of ["resume", "retry"])
        expect([state, orders.includes(order)]).toEqual([state, exits.includes(order)]);
    }
  });

  it("S1: whatever is asked, in whatever order, a job is always in a known state, and illegal events change nothing", () => {
    fc.assert(
      fc.property(fc.constantFrom(...STATES), anyEvents, (start, events) => {
        let state = start;
        for (const event of events) {
          const next = transition(state, event);
          if (next.kind === "illegal") expect(next.from).toBe(state);
          else {
            expect(STATES).toContain(next.to);
            if (isFinal(state)) expect(["retry", "revive"]).toContain(event);
            state = next.to;
          }
        }
      }),
    );
  });

  it("S2: a lease is only taken from queued, and every way out of a lease ends it or keeps it", () => {
    const intoRunning = STATES.filter((state) => Object.values(TRANSITIONS[state]).includes("running"));
    expect(intoRunning).toEqual(["queued"]);
  });

  it("every state that is not final can come to an end", () => {
    for (const start of STATES.filter((state) => !isFinal(state))) {
      const reached = new Set<JobState>([start]);
      for (const state of reached) for (const next of Object.values(TRANSITIONS[state])) reached.add(next);
      expect([...reached].some(isFinal)).toBe(true);
    }
  });
});
