import { describe, expect, test } from "vitest";
import { defineBatch, defineOnline, more, z } from "../../src/index.ts";
import { describeTask } from "../../src/tasks/task-info.ts";
import { builtinTasks } from "../../workers/tasks/index.ts";

const online = (input: z.ZodType, description = "") =>
  defineOnline({ name: "probe", description, input, run: () => null });

describe("T3: a definition that cannot work", () => {
  const whole = {
    name: "probe",
    input: z.null(),
    checkpoint: { version: 1 },
    init: () => 0,
    step: (): typeof more => more,
    save: () => undefined,
    load: () => 0,
  };

  test.each(["init", "step", "save", "load"])("a batch task without %s is refused where it is defined", (part) => {
    const lacking = Object.fromEntries(Object.entries(whole).filter(([name]) => name !== part));
    expect(() => defineBatch(lacking as typeof whole)).toThrow(
      new RegExp(`^task "probe": ${part} is missing, but must be a function that .+: \\(`),
    );
  });

  test("so is an online task whose run is no function", () => {
    const broken = { name: "probe", input: z.null(), run: "echo" } as unknown as Parameters<typeof defineOnline>[0];
    expect(() => defineOnline(broken)).toThrow('task "probe": run is "echo", but must be a function that answers');
  });
});

describe("describing a task", () => {
  test("every built-in task can be described", () => {
    expect(builtinTasks.map((task) => describeTask(task).name)).toEqual(
      expect.arrayContaining(["echo", "sleep", "once", "count"]),
    );
  });

  test("a field with a default is not required of the caller", () => {
    const info = describeTask(online(z.strictObject({ a: z.int(), b: z.int().default(1) })));
    expect(info.input["required"]).toEqual(["a"]);
  });

  test("a union of literals keeps all of them", () => {
    const info = describeTask(online(z.strictObject({ a: z.literal([2, 5, 6]) })));
    expect(JSON.stringify(info.input)).toContain("[2,5,6]");
  });

  test("D1: what has no JSON Schema is refused with the path of the field", () => {
    expect(() => describeTask(online(z.object({ when: z.array(z.object({ at: z.date() })) })))).toThrow(
      'task "probe": input.when.items.at: Date cannot be represented in JSON Schema',
    );
    expect(() => describeTask(online(z.object({ properties: z.object({ n: z.bigint() }) })))).toThrow(
      "input.properties.n: BigInt",
    );
  });

  test("D2: the definition is the same for the same promise, and another for another", () => {
    const one = describeTask(online(z.object({ a: z.int(), b: z.string() })));
    expect(describeTask(online(z.object({ a: z.int(), b: z.string() }))).definition).toBe(one.definition);
    expect(describeTask(online(z.object({ a: z.int() }))).definition).not.toBe(one.definition);
    expect(one.definition).toMatch(/^[0-9a-f]{16}$/);
  });

  test("a batch task tells its checkpoint version and how many are kept", () => {
    const batch = defineBatch({
      name: "probe",
      input: z.null(),
      checkpoint: { version: 3, keep: 5 },
      init: () => 0,
      step: () => more,
      save: () => undefined,
      load: () => 0,
    });
    expect(describeTask(batch)).toMatchObject({ class: "batch", checkpointVersion: 3, keep: 5, idempotent: null });
  });
});
