/** R1: everything about a request that can be told without looking at jobs or tasks. */
import type { z } from "zod";
import { JOB_ID, NAME, type Json } from "../src/contract/json.ts";
import { problem, type FieldError, type Problem } from "../src/contract/problem.ts";
import type { ErrorCode } from "../src/domain/error-code.ts";
import { refuse, refuseWith, type Answer } from "./answer.ts";
import type { ApiDeps } from "./deps.ts";
import { CALLER_RULE, readCaller } from "./caller.ts";
import { fieldWords } from "./field-words.ts";
import { parseJson } from "./json-body.ts";
import { appendPointer, toPointer } from "./json-pointer.ts";
import { accepts, refusedMediaType } from "./media-type.ts";
import { readQuery } from "./query-string.ts";
import { readBody } from "./request-body.ts";
import type { ApiRequest } from "./request.ts";
import type { RouteDoc } from "./route.ts";

export type CheckedRequest =
  | { readonly kind: "checked"; readonly query: unknown; readonly body: unknown; readonly sent: Json }
  | { readonly kind: "refused"; readonly answer: Answer };

/** What a part of the path must look like, and what it means when it does not: nothing of that name can exist. */
const PATH_PARTS: Readonly<Record<string, { readonly shape: RegExp; readonly unknown: ErrorCode }>> = {
  id: { shape: JOB_ID, unknown: "unknown_job" },
  schedule: { shape: NAME, unknown: "unknown_schedule" },
  array: { shape: JOB_ID, unknown: "unknown_array" },
  task: { shape: NAME, unknown: "unknown_task" },
};

export async function checkRequest(doc: RouteDoc, deps: ApiDeps, request: ApiRequest): Promise<CheckedRequest> {
  const refused = checkHead(doc, request);
  if (refused !== null) return { kind: "refused", answer: refused };
  const query = checkQuery(doc, request);
  if (query.kind === "refused") return query;
  if (doc.body?.reading !== "json") return { kind: "checked", query: query.query, body: undefined, sent: null };
  const body = await checkBody(doc.body, deps, request);
  return body.kind === "refused" ? body : { ...body, query: query.query };
}

/** Path and headers: what is known before the body comes. */
export function checkHead(doc: RouteDoc, request: ApiRequest): Answer | null {
  for (const part in request.params) {
    const value = request.params[part] ?? "";
    const rule = PATH_PARTS[part];
    if (rule !== undefined && !rule.shape.test(value)) {
      return refuse(rule.unknown, `${JSON.stringify(value.slice(0, 100))} does not exist`);
    }
  }
  const caller = request.header("cairn-caller");
  if (caller !== undefined && readCaller(caller) === null) {
    const errors = [{ header: "Cairn-Caller", detail: CALLER_RULE }];
    return refuse("invalid_request", sentence(errors), { errors });
  }
  const { accept } = request.headers;
  const types = accept === undefined || accept === "*/*" ? [] : answeredTypes(doc);
  if (types.length > 0 && !accepts(accept, types)) {
    return refuse("not_acceptable", `this route answers ${[...new Set(types)].join(" or ")}`);
  }
  if (doc.body === undefined || (!doc.body.required && !hasBody(request))) return null;
  const wrong = refusedMediaType(request.headers, doc.body.mediaTypes);
  return wrong === null
    ? null
    : refuse("unsupported_media_type", wrong, {}, { Accept: doc.body.mediaTypes.join(", ") });
}

function answeredTypes(doc: RouteDoc): string[] {
  return doc.successes.flatMap(({ mediaType, schema }) =>
    schema === undefined && mediaType === undefined ? [] : [mediaType ?? "application/json"],
  );
}

function hasBody({ headers }: ApiRequest): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

type QueryCheck =
  { readonly kind: "checked"; readonly query: unknown } | { readonly kind: "refused"; readonly answer: Answer };

function checkQuery(doc: RouteDoc, request: ApiRequest): QueryCheck {
  const read = readQuery(request.query);
  if (read.kind === "malformed") {
    return {
      kind: "refused",
      answer: refuse("invalid_request", "the query is not properly encoded", {
        errors: [{ parameter: read.parameter, detail: "is not percent-encoded UTF-8" }],
      }),
    };
  }
  if (doc.query === undefined) {
    const [unknown] = Object.keys(read.values);
    if (unknown === undefined) return { kind: "checked", query: undefined };
    return { kind: "refused", answer: refuseWith(unknownParameters(Object.keys(read.values))) };
  }
  const parsed = doc.query.safeParse({ ...read.values }, { error: fieldWords });
  if (parsed.success) return { kind: "checked", query: parsed.data };
  const errors = parsed.error.issues.flatMap((issue): FieldError[] => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((parameter) => ({ parameter, detail: "is not a known parameter" }));
    }
    return [{ parameter: String(issue.path[0] ?? ""), detail: issue.message }];
  });
  return { kind: "refused", answer: refuseWith(problem("invalid_request", sentence(errors), { errors })) };
}

function unknownParameters(names: readonly string[]): Problem {
  const errors = names.map((parameter) => ({ parameter, detail: "is not a known parameter" }));
  return problem("invalid_request", sentence(errors), { errors });
}

async function checkBody(
  doc: NonNullable<RouteDoc["body"]>,
  deps: ApiDeps,
  request: ApiRequest,
): Promise<
  | { readonly kind: "checked"; readonly body: unknown; readonly sent: Json }
  | { readonly kind: "refused"; readonly answer: Answer }
> {
  const limit = deps.limits[doc.limit];
  const read = await readBody(request.incoming, limit);
  if (read.kind === "too_large") return { kind: "refused", answer: tooLarge(limit) };
  if (read.kind === "gone") return { kind: "refused", answer: refuse("malformed_http", "the body broke off") };
  if (read.bytes.length === 0 && !doc.required) return { kind: "checked", body: doc.schema.parse({}), sent: {} };
  const parsed = parseJson(read.bytes);
  if (parsed.kind === "bad") return { kind: "refused", answer: refuseWith(parsed.problem) };
  const shaped = doc.schema.safeParse(parsed.value, { error: fieldWords });
  if (!shaped.success) return { kind: "refused", answer: refuseWith(shapeProblem(shaped.error, doc.notYet)) };
  return { kind: "checked", body: shaped.data, sent: parsed.value };
}

export function tooLarge(limit: number): Answer {
  return refuse("payload_too_large", `the body is larger than ${limit} bytes`);
}

/**
 * The problem of a body that has not the shape it should.
 * @param notYet keys that are known, but nothing supports them so far
 */
export function shapeProblem(error: z.ZodError, notYet: readonly string[] = []): Problem {
  const errors = error.issues.flatMap((issue): FieldError[] => {
    const place = toPointer(issue.path);
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        pointer: appendPointer(place, key),
        detail: notYet.includes(key) ? "is not supported yet" : "is not a known key",
      }));
    }
    return [{ pointer: place, detail: issue.message }];
  });
  return problem("invalid_request", sentence(errors), { errors: errors.slice(0, 20) });
}

/** The first error as a sentence: many people read nothing else. */
export function sentence(errors: readonly FieldError[]): string {
  const [first] = errors;
  if (first === undefined) return "the request does not have the right shape";
  const place = first.pointer ?? first.parameter ?? first.header ?? "";
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  return `${place === "" ? "the body" : place}: ${first.detail}${more}`;
}
