/**
 * Arrays: POST /v1/jobs with `array`, and /v1/arrays.
 *
 * AH1 All inputs are checked before the array is taken on; one definition of the task takes them all.
 */
import { ARRAY_VERBS, elementInput, type ArrayVerb } from "../../src/batch/batch.ts";
import type { ArraySpec } from "../../src/contract/array.ts";
import type { Submit } from "../../src/contract/job.ts";
import { problem } from "../../src/contract/problem.ts";
import type { PageQuery } from "../../src/contract/query.ts";
import { json, refuse, refuseWith, type Answer } from "../answer.ts";
import type { ApiDeps } from "../deps.ts";
import type { IdempotencyKey } from "../idempotency-key.ts";
import { ownAddress } from "../job-answer.ts";
import type { ApiRequest } from "../request.ts";
import { prepare, unknownDependency, type Prepared } from "../submission.ts";
import type { Checked } from "../route.ts";

/** Inputs checked before others get a turn. */
const TURN = 100;
const CURSOR = /^a1\.([0-9a-hjkmnp-tv-z]{26})$/;

/** POST /v1/jobs with `array` */
export async function submitArray(
  deps: ApiDeps,
  request: ApiRequest,
  submit: Submit,
  spec: ArraySpec,
  idempotency: IdempotencyKey | null,
): Promise<Answer> {
  const prepared = await prepareElements(deps, submit, spec);
  if (prepared.kind === "refused") return refuseWith(prepared.problem);
  if (prepared.task.class !== "batch")
    return refuse("wrong_class", `${submit.task} is an online task; arrays are of batch jobs`);
  const { by, caller } = request;
  const outcome = await deps.arrays.submit({ task: prepared.task, submit, spec, idempotency, by, caller });
  switch (outcome.kind) {
    case "created":
    case "replayed":
      return json(202, outcome.array, {
        Location: `${ownAddress(deps, request)}/v1/arrays/${outcome.array.id}`,
        ...(outcome.kind === "replayed" ? { "Idempotency-Replayed": "true" } : {}),
      });
    case "key_reused":
      return refuse("idempotency_key_reused", "the first request with this key was another one", { job: outcome.id });
    case "unknown_dependency":
      return refuseWith(unknownDependency(submit, outcome.index));
  }
}

/** AH1 */
async function prepareElements(deps: ApiDeps, submit: Submit, spec: ArraySpec): Promise<Prepared> {
  const count = "inputs" in spec ? spec.inputs.length : spec.count;
  if ("inputs" in spec && submit.input !== null) {
    const errors = [{ pointer: "/input", detail: "is left out when `array.inputs` gives one to each element" }];
    return { kind: "refused", problem: problem("invalid_request", "two inputs for each element", { errors }) };
  }
  let first: Prepared | null = null;
  let bytes = 0;
  for (let index = 0; index < count; index += 1) {
    const element = { ...submit, input: elementInput(submit.input, spec, index) };
    const prepared = await prepare(deps, element);
    if (prepared.kind === "refused") {
      return {
        kind: "refused",
        problem: { ...prepared.problem, detail: `element ${index}: ${prepared.problem.detail}` },
      };
    }
    if (first?.kind === "ready" && first.task.definition !== prepared.task.definition) {
      const detail = `element ${index} fits another definition of ${submit.task} than those before it`;
      return { kind: "refused", problem: problem("invalid_input", detail) };
    }
    first ??= prepared;
    bytes += prepared.inputText.length;
    if (bytes > deps.limits.bulkBytes) {
      const detail = `the inputs of all elements together are larger than ${deps.limits.bulkBytes} bytes`;
      return { kind: "refused", problem: problem("payload_too_large", detail) };
    }
    if (index % TURN === TURN - 1) await new Promise(setImmediate);
  }
  return first ?? { kind: "refused", problem: problem("invalid_request", "the array has no elements") };
}

/** GET /v1/arrays/{array} */
export async function getArray(deps: ApiDeps, { params }: Checked<undefined, undefined>): Promise<Answer> {
  const id = params["array"] ?? "";
  const array = await deps.arrays.get(id);
  return array === null ? unknownArray(id) : json(200, array);
}

/** GET /v1/arrays */
export async function listArrays(deps: ApiDeps, { query }: Checked<PageQuery, undefined>): Promise<Answer> {
  const { cursor, limit = deps.limits.pageDefault } = query;
  const before = cursor === undefined ? null : (CURSOR.exec(cursor)?.[1] ?? "");
  if (before === "") return refuse("invalid_cursor", `${JSON.stringify((cursor ?? "").slice(0, 100))} is no cursor`);
  const { items, next } = await deps.arrays.list(before, limit);
  return json(200, { items, nextCursor: next === null ? null : `a1.${next}` });
}

/** POST /v1/arrays/{array}/{verb} */
export function controlArray(
  verb: ArrayVerb,
): (deps: ApiDeps, checked: Checked<undefined, unknown>) => Promise<Answer> {
  return async (deps, { params, request }) => {
    const id = params["array"] ?? "";
    const changed = await deps.arrays.control(deps.writer, id, verb, request.by);
    const array = changed === null ? null : await deps.arrays.get(id);
    return array === null ? unknownArray(id) : json(changed === 0 ? 200 : 202, { changed, array });
  };
}

function unknownArray(id: string): Answer {
  return refuse("unknown_array", `there is no array ${id}`);
}

export const ARRAY_ORDERS = Object.keys(ARRAY_VERBS) as ArrayVerb[];
