/**
 * The OpenAPI 3.1 document, rendered from the table of routes and the zod schemas of the contract.
 *
 * D1 Nothing is described twice: what is checked is what is documented.
 * D2 Objects of answers may get more members in later versions; so only those of requests forbid unknown ones.
 */
import { z } from "zod";
import * as array from "../src/contract/array.ts";
import * as bulk from "../src/contract/bulk.ts";
import * as fleet from "../src/contract/fleet.ts";
import * as job from "../src/contract/job.ts";
import { JOB_ID } from "../src/contract/json.ts";
import * as limits from "../src/contract/limits.ts";
import * as order from "../src/contract/order.ts";
import * as problem from "../src/contract/problem.ts";
import * as queue from "../src/contract/queue.ts";
import * as schedule from "../src/contract/schedule.ts";
import * as worker from "../src/contract/worker.ts";
import { ERROR_CODES, type ErrorCode } from "../src/domain/error-code.ts";
import { REQUEST_HEADERS, RESPONSE_HEADERS, TAGS, type Route, type Success } from "./route.ts";
import { acceptedItemSchema, acceptedSubmissionSchema } from "./submit-shape.ts";

export type JsonObject = Record<string, unknown>;

const reference = (name: string): string => `#/components/schemas/${name}`;
const PROBLEM_CONTENT = { "application/problem+json": { schema: { $ref: reference("Problem") } } };

/** Schemas with a name of their own, of answers and of requests. */
const ANSWERS = {
  Job: job.jobSchema,
  JobList: job.jobListSchema,
  JobArray: array.arraySchema,
  JobArrayList: array.arrayListSchema,
  ArrayOrder: array.arrayOrderSchema,
  Dependency: job.dependencySchema,
  DependencyStanding: job.dependencyStandingSchema,
  DependencyList: job.dependencyListSchema,
  Schedule: schedule.scheduleSchema,
  ScheduleList: schedule.scheduleListSchema,
  Attempt: job.attemptSchema,
  AttemptList: job.attemptListSchema,
  Checkpoint: job.checkpointSchema,
  CheckpointList: job.checkpointListSchema,
  Artifact: job.artifactSchema,
  ArtifactList: job.artifactListSchema,
  JobEvent: job.jobEventSchema,
  BulkAnswer: bulk.bulkAnswerSchema,
  BulkAnswers: bulk.bulkAnswersSchema,
  Task: worker.taskViewSchema,
  TaskList: worker.taskListSchema,
  Worker: worker.workerSchema,
  WorkerList: worker.workerListSchema,
  Queue: queue.queueSchema,
  QueueList: queue.queueListSchema,
  Fleet: fleet.fleetSchema,
  Limits: limits.limitsSchema,
  Problem: problem.problemSchema,
  ProblemKind: problem.problemKindSchema,
  ProblemKindList: problem.problemKindListSchema,
} as const;
const REQUESTS = {
  Submit: acceptedSubmissionSchema,
  BulkItem: acceptedItemSchema,
  PutSchedule: schedule.putScheduleSchema,
  PatchJob: job.patchJobSchema,
  Retry: job.retrySchema,
  Fork: job.forkSchema,
  WorkerOrder: order.workerOrderSchema,
} as const;

const PATH_PARAMETERS: Readonly<Record<string, { readonly description: string; readonly schema: JsonObject }>> = {
  id: { description: "Id of a job", schema: { type: "string", pattern: JOB_ID.source } },
  array: { description: "Id of an array", schema: { type: "string", pattern: JOB_ID.source } },
  schedule: { description: "Name of a schedule", schema: { type: "string", pattern: "^[a-z][a-z0-9-]{0,62}$" } },
  task: { description: "Name of a task", schema: { type: "string", pattern: "^[a-z][a-z0-9-]{0,62}$" } },
  worker: { description: "Id of a worker", schema: { type: "string" } },
  artifact: { description: "Name of an artifact", schema: { type: "string" } },
  code: { description: "Code of a problem", schema: { type: "string", pattern: "^[a-z_]+$" } },
};

export interface OpenApiOptions {
  readonly routes: readonly Route[];
  readonly version: string;
  /** Address under which clients reach the API; "/" is the one that served the document. */
  readonly serverUrl: string;
}

/** Renders the document. */
export function renderOpenApi({ routes, version, serverUrl }: OpenApiOptions): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const route of routes) {
    (paths[route.path] ??= pathItem(route.path))[route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Cairn",
      version,
      summary: "Online requests and checkpointed batch jobs on one fleet of unreliable machines",
      description:
        "Every refusal is a problem document (RFC 9457) with a stable `code`, a `hint` that tells what to do, and `errors` that name each field. Times are RFC 3339 in UTC, durations whole milliseconds. Clients ignore members they do not know.",
      contact: { name: "Cairn" },
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: serverUrl, description: "This API" }],
    security: [],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: { schemas: components() },
  };
}

function components(): JsonObject {
  return { ...named(ANSWERS, "output"), ...named(REQUESTS, "input") };
}

function named(schemas: Readonly<Record<string, z.ZodType>>, io: "input" | "output"): JsonObject {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  const rendered = z.toJSONSchema(registry, { io, uri: reference, override: tidy });
  return Object.fromEntries(
    Object.entries(rendered.schemas).map(([id, schema]) => [id, withoutAddress(schema as JsonObject)]),
  );
}

/** A schema in its place: by name if it has one. */
function inPlace(schema: z.ZodType, io: "input" | "output"): JsonObject {
  for (const [name, candidate] of Object.entries({ ...ANSWERS, ...REQUESTS })) {
    if (candidate === schema) return { $ref: reference(name) };
  }
  if (schema instanceof z.ZodUnion) return { anyOf: schema.options.map((option) => inPlace(option as z.ZodType, io)) };
  if (schema instanceof z.ZodArray) return { type: "array", items: inPlace(schema.element as z.ZodType, io) };
  return withoutAddress(z.toJSONSchema(schema, { io, override: tidy }));
}

/** Dialect and address are the document's. */
function withoutAddress(schema: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== "$schema" && key !== "$id"));
}

/** D2; and a format says what its pattern says, only shorter. */
function tidy({
  zodSchema,
  jsonSchema,
}: {
  readonly zodSchema: z.core.$ZodTypes;
  readonly jsonSchema: z.core.JSONSchema.BaseSchema;
}): void {
  if (zodSchema._zod.def.type === "object" && zodSchema._zod.def.catchall === undefined) {
    delete jsonSchema.additionalProperties;
  }
  if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
}

function pathItem(path: string): JsonObject {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
  if (names.length === 0) return {};
  return { parameters: names.map((name) => ({ name, in: "path", required: true, ...PATH_PARAMETERS[name] })) };
}

function operation(route: Route): JsonObject {
  const parameters = [...queryParameters(route), ...headerParameters(route)];
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    description: route.description,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined ? {} : { requestBody: requestBody(route.body) }),
    responses: responses(route),
  };
}

function queryParameters(route: Route): JsonObject[] {
  return Object.entries(route.query?.shape ?? {}).map(([name, part]) => {
    const schema = part as z.ZodType;
    const { description, ...rest } = inPlace(schema, "output");
    return {
      name,
      in: "query",
      required: !schema.safeParse(undefined).success,
      ...(typeof description === "string" ? { description } : {}),
      schema: rest,
    };
  });
}

function headerParameters(route: Route): JsonObject[] {
  return (route.requestHeaders ?? []).map((name) => ({
    name,
    in: "header",
    required: false,
    description: REQUEST_HEADERS[name],
    schema: { type: "string" },
  }));
}

function requestBody(body: NonNullable<Route["body"]>): JsonObject {
  const content = body.mediaTypes.map((mediaType) => {
    if (mediaType !== "application/json") return [mediaType, { schema: { type: "string" } }];
    const example = body.example === undefined ? {} : { example: body.example };
    return [mediaType, { schema: inPlace(body.schema, "input"), ...example }];
  });
  return { required: body.required, content: Object.fromEntries(content) as JsonObject };
}

function responses(route: Route): JsonObject {
  const all: Record<string, JsonObject> = {};
  for (const success of route.successes) {
    const hasBody = success.mediaType !== undefined || success.schema !== undefined;
    const before = all[success.status];
    all[success.status] = {
      description: success.description,
      headers: answerHeaders(success),
      ...before,
      ...(hasBody ? { content: { ...contentOf(before), ...contentOfSuccess(success) } } : {}),
    };
  }
  const codes = [...new Set([...route.problems, ...commonProblems(route)])];
  for (const status of [...new Set(codes.map((code) => statusOf(route, code)))].sort((a, b) => a - b)) {
    all[status] = {
      description: codes
        .filter((code) => statusOf(route, code) === status)
        .map((code) => `\`${code}\`: ${ERROR_CODES[code].title}`)
        .join(". "),
      content: PROBLEM_CONTENT,
    };
  }
  // What the HTTP server says of a request that it could not read whole: 408, 417, 431.
  return { ...all, default: { description: "Any other refusal", content: PROBLEM_CONTENT } };
}

function contentOf(answer: JsonObject | undefined): JsonObject {
  return (answer?.["content"] ?? {}) as JsonObject;
}

function contentOfSuccess(success: Success): JsonObject {
  return { [success.mediaType ?? "application/json"]: mediaContent(success) };
}

/** An online request whose outcome is unknown is the gateway's matter: 502 there, 503 elsewhere. */
function statusOf(route: Route, code: ErrorCode): number {
  return code === "outcome_unknown" && route.operationId === "invokeTask" ? 502 : ERROR_CODES[code].status;
}

/** What every route may answer. */
function commonProblems(route: Route): ErrorCode[] {
  return [
    "invalid_request",
    ...(route.method === "GET" ? [] : (["forbidden_origin"] as const)),
    "not_acceptable",
    "unknown_host",
    "internal",
    ...(route.body === undefined ? [] : (["invalid_json", "payload_too_large", "unsupported_media_type"] as const)),
  ];
}

function answerHeaders(success: Success): JsonObject {
  const all: JsonObject = { "X-Request-Id": { description: "Id of this request", schema: { type: "string" } } };
  for (const name of success.headers ?? []) {
    all[name] = { description: RESPONSE_HEADERS[name], schema: { type: "string" } };
  }
  return all;
}

/** A stream is text; what its parts hold stands beside it, for readers of the document and generators alike. */
function mediaContent({ schema, carries, mediaType }: Success): JsonObject {
  if (mediaType === "application/octet-stream") return {};
  if (carries !== undefined) {
    return { schema: { type: "string", contentMediaType: mediaType, contentSchema: inPlace(carries, "output") } };
  }
  return { schema: schema === undefined ? {} : inPlace(schema, "output") };
}
