/**
 * POST /v1/jobs/bulk with items that wait for each other.
 *
 * BG1 Everything is checked before anything is created: shapes, tasks, inputs, names, circles, jobs outside. One fault
 *     refuses the whole.
 * BG2 Items are created in waves, parents first, so that each knows the ids of those it waits for.
 * BG3 If Redis fails in the middle, the answers say which items were made. With an Idempotency-Key the same bulk, sent
 *     again, makes the rest and nothing twice; without one the made items stay, and wait for nothing that is not there.
 */
import { fieldWords } from "../field-words.ts";
import type { BulkAnswer } from "../../src/contract/bulk.ts";
import { type BulkItem, dependencyReference } from "../../src/contract/job.ts";
import { jobId, type Json } from "../../src/contract/json.ts";
import { problem, type FieldError, type Problem } from "../../src/contract/problem.ts";
import { describeFault, planGraph, type GraphFault } from "../../src/domain/job-graph.ts";
import { json, refuseWith, type Answer } from "../answer.ts";
import type { ApiDeps } from "../deps.ts";
import { faultAnswer } from "../fault-answer.ts";
import { fingerprintOf } from "../idempotency-key.ts";
import { inOrder } from "../in-order.ts";
import { parseJson } from "../json-body.ts";
import { shapeProblem } from "../request-check.ts";
import type { ApiRequest } from "../request.ts";
import { prepare, submitPrepared, type Prepared } from "../submission.ts";
import { acceptedItemSchema, NOT_YET } from "../submit-shape.ts";

const WIDTH = 16;

type Ready = Extract<Prepared, { kind: "ready" }>;

interface Item {
  readonly key: string | null;
  readonly sent: Json;
  readonly ready: Ready;
}

const isId = (reference: string): boolean => jobId.safeParse(reference).success;

/** Has this item a name, or does it wait for one? */
export function refersToItems(item: Json): boolean {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return false;
  if (item["key"] !== undefined) return true;
  const { dependsOn } = item;
  return Array.isArray(dependsOn) && dependsOn.some((entry) => !isId(dependencyReference(entry)));
}

export async function submitGraph(
  deps: ApiDeps,
  request: ApiRequest,
  texts: readonly Buffer[],
  key: string | null,
): Promise<Answer> {
  const items: Item[] = [];
  for (const [index, text] of texts.entries()) {
    const item = await readItem(deps, text);
    if ("code" in item) return refuseWith(ofItem(index, item)); // BG1
    items.push(item);
    if (index % 100 === 99) await new Promise(setImmediate);
  }
  const plan = planGraph(
    items.map(({ key: name, ready }) => ({ key: name, waitsFor: references(ready).filter((one) => !isId(one)) })),
  );
  if (plan.kind === "bad") return refuseWith(faultProblem(plan.faults, items));
  const absent = await unknownOutside(deps, items);
  if (absent !== null) return refuseWith(absent);

  const answers: BulkAnswer[] = [];
  const made = new Map<string, string>();
  for (const wave of plan.waves) {
    const work = (index: number): Promise<BulkAnswer> => create(deps, request, items[index], index, key, made);
    for await (const answer of inOrder(each(wave), WIDTH, work)) {
      answers[answer.index] = answer;
      const name = items[answer.index]?.key;
      if (typeof name === "string" && answer.id !== null) made.set(name, answer.id);
    }
  }
  return json(200, { items: answers });
}

async function readItem(deps: ApiDeps, text: Buffer): Promise<Item | Problem> {
  const parsed = parseJson(text);
  if (parsed.kind === "bad") return parsed.problem;
  const shaped = acceptedItemSchema.safeParse(parsed.value, { error: fieldWords });
  if (!shaped.success) return shapeProblem(shaped.error, NOT_YET);
  const { key, ...submit }: Omit<BulkItem, "webhook"> = shaped.data;
  const ready = await prepare(deps, submit);
  return ready.kind === "refused" ? ready.problem : { key: key ?? null, sent: parsed.value, ready };
}

/** The problem of one item as that of the whole: its pointers lead into the array. */
function ofItem(index: number, found: Problem): Problem {
  const errors = (found.errors ?? []).map((error): FieldError => ({
    ...error,
    ...(error.pointer === undefined ? {} : { pointer: `/${index}${error.pointer}` }),
  }));
  const detail = `item ${index}: ${found.detail}; nothing was created`;
  return { ...found, detail, ...(errors.length === 0 ? {} : { errors }) };
}

function faultProblem(faults: readonly GraphFault[], items: readonly Item[]): Problem {
  const [first] = faults;
  const code = {
    duplicate_key: "invalid_request",
    unknown_key: "unknown_dependency",
    cycle: "dependency_cycle",
  } as const;
  const errors = faults.slice(0, 20).map((fault): FieldError => {
    const detail = describeFault(fault);
    switch (fault.kind) {
      case "duplicate_key":
        return { pointer: `/${fault.item}/key`, detail };
      case "unknown_key":
        return { pointer: pointerTo(items, fault.item, fault.key), detail };
      case "cycle": {
        const [name, waitsFor] = fault.path;
        const item = items.findIndex((one) => one.key === name);
        return { pointer: pointerTo(items, item, waitsFor ?? ""), detail };
      }
    }
  });
  const detail = `${errors[0]?.detail ?? ""}; nothing was created`;
  return problem(code[first?.kind ?? "cycle"], detail, { errors });
}

function references({ submit }: Ready): string[] {
  return submit.dependsOn.map(({ job }) => job);
}

function pointerTo(items: readonly Item[], item: number, reference: string): string {
  const entry = items[item];
  return `/${item}/dependsOn/${entry === undefined ? 0 : references(entry.ready).indexOf(reference)}`;
}

async function unknownOutside(deps: ApiDeps, items: readonly Item[]): Promise<Problem | null> {
  const outside = [...new Set(items.flatMap(({ ready }) => references(ready).filter(isId)))];
  const unknown = await deps.graph.unknown(outside);
  if (unknown.size === 0) return null;
  const errors = items.flatMap(({ ready }, item) =>
    references(ready).flatMap((id, at): FieldError[] =>
      unknown.has(id) ? [{ pointer: `/${item}/dependsOn/${at}`, detail: `there is no job or array ${id}` }] : [],
    ),
  );
  const detail = `${errors[0]?.detail ?? ""}; nothing was created`;
  return problem("unknown_dependency", detail, { errors: errors.slice(0, 20) });
}

/** BG2 */
async function create(
  deps: ApiDeps,
  request: ApiRequest,
  item: Item | undefined,
  index: number,
  key: string | null,
  made: ReadonlyMap<string, string>,
): Promise<BulkAnswer> {
  const refused = (found: Problem): BulkAnswer => ({
    ...{ index, status: found.status, id: null, replayed: false },
    problem: found,
  });
  if (item === undefined) return refused(problem("internal", "the item is gone"));
  const { ready, sent } = item;
  const missing = references(ready).find((one) => !isId(one) && !made.has(one));
  if (missing !== undefined) {
    return refused(problem("unknown_dependency", `"${missing}", which it waits for, was not accepted`));
  }
  const dependsOn = ready.submit.dependsOn.map((entry) => ({ ...entry, job: made.get(entry.job) ?? entry.job }));
  const prepared = { ...ready, submit: { ...ready.submit, dependsOn } };
  const idempotency =
    key === null ? null : { key: `${key}/${index}`, fingerprint: fingerprintOf("POST", request.path, sent) };
  try {
    const submission = await submitPrepared(deps, prepared, idempotency, request);
    if (submission.kind === "refused") return refused(submission.problem);
    return { index, status: 202, id: submission.job.id, replayed: submission.replayed, problem: null };
  } catch (error) {
    const { body } = faultAnswer(error, request, deps.logger); // BG3
    return refused(body.kind === "problem" ? body.problem : problem("internal", "the item could not be submitted"));
  }
}

async function* each(indexes: readonly number[]): AsyncGenerator<number> {
  for (const index of indexes) yield await Promise.resolve(index);
}
