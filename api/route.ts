/**
 * What a route is: everything that Express, the OpenAPI document and the answers 404 to 415 need, in one place.
 *
 * R1 A handler runs only on a request that has been checked in full: path, Accept, query, media type, size, JSON, shape.
 *    The checks come in this order, and each has one answer.
 * R2 What a route takes and answers is said by zod schemas alone; the document is rendered from them.
 */
import type { z } from "zod";
import type { ErrorCode } from "../src/domain/error-code.ts";
import type { Json } from "../src/contract/json.ts";
import type { Answer } from "./answer.ts";
import type { ApiDeps } from "./deps.ts";
import type { RouteLabel } from "./metrics.ts";
import type { ApiRequest } from "./request.ts";
import { checkRequest } from "./request-check.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Groups of the document. */
export const TAGS = {
  jobs: "Submit jobs, look at them and control them",
  history: "What belongs to a job: attempts, checkpoints, logs, artifacts, events",
  tasks: "What can be run, and online requests",
  fleet: "Workers, queues and limits",
  service: "Probes, metrics and documentation",
} as const;

/** One success of a route. */
export interface Success {
  readonly status: number;
  readonly description: string;
  /** Absent: no body. */
  readonly schema?: z.ZodType;
  /** application/json if absent. */
  readonly mediaType?: string;
  /** What the parts of a stream hold. */
  readonly carries?: z.ZodType;
  readonly headers?: readonly (keyof typeof RESPONSE_HEADERS)[];
}

/** Headers that answers may carry, for the document. */
export const RESPONSE_HEADERS = {
  Location: "Absolute address of the job",
  "Retry-After": "Whole seconds to wait before looking again",
  "RateLimit-Policy": "What limits the caller (draft-ietf-httpapi-ratelimit-headers-11)",
  RateLimit: "How much of that is left, and when there is more",
  "Preference-Applied": "Which preferences were followed",
  "Idempotency-Replayed": "`true` when an earlier request with this key made it",
  ETag: "Version of the answer, for If-None-Match",
  "Server-Timing": "Where the time went",
  "Content-Disposition": "Always `attachment`",
} as const;

/** Headers that requests may carry, for the document. */
export const REQUEST_HEADERS = {
  "Idempotency-Key":
    "1 to 255 printable ASCII characters, in quotes or not. A repeat with the same key and the same request gets the same result; with another request 422. Remembered for 24 hours",
  Prefer: "`wait=N`: answer only when the job has ended, or N seconds (at most 25) are over; `respond-async`: at once",
  "Cairn-Caller":
    "Whose share this counts on when there is not enough for all: 1 to 64 letters, digits, `.`, `_`, `@` or `-`. Without it the remote address is the caller",
  "Cairn-Priority":
    "Who goes first when there is not enough for all: `critical`, `default` (without the header) or `sheddable`",
  "Request-Timeout-Ms":
    "How long the caller waits, in whole ms; at most 60000, with `Prefer: respond-async` at most 600000",
  traceparent:
    "W3C Trace Context; the handler gets a child of it as `ctx.traceparent`. What is not valid is passed over",
  "Last-Event-ID": "Go on after this event",
  "If-None-Match": "Answer 304 when the version is still this one",
} as const;

export interface RouteDoc {
  readonly method: Method;
  /** As in OpenAPI: `/v1/jobs/{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly tag: keyof typeof TAGS;
  readonly summary: string;
  readonly description: string;
  readonly query?: z.ZodObject;
  readonly body?: BodyDoc;
  readonly requestHeaders?: readonly (keyof typeof REQUEST_HEADERS)[];
  readonly successes: readonly Success[];
  /** Refusals of its own, besides those that every route has. */
  readonly problems: readonly ErrorCode[];
}

export interface BodyDoc {
  /** The first is the one that is told to who sends another. */
  readonly mediaTypes: readonly string[];
  readonly schema: z.ZodType;
  readonly required: boolean;
  /** Which limit holds. */
  readonly limit: "bodyBytes" | "bulkBytes" | "inlineBytes";
  /** `stream`: the handler reads it, and checks it, itself. */
  readonly reading: "json" | "stream";
  readonly example?: Json;
  /** Keys of the design that nothing supports so far: refused by name, so that nobody believes they work. */
  readonly notYet?: readonly string[];
}

export interface Route extends RouteDoc {
  readonly label: RouteLabel;
  answer(deps: ApiDeps, request: ApiRequest): Promise<Answer>;
}

/** A checked request. */
export interface Checked<Query, Body> {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  /** The body as it was parsed, before defaults were filled in. */
  readonly sent: Json;
  readonly request: ApiRequest;
}

type QueryOf<R extends RouteDoc> = R["query"] extends z.ZodObject ? z.output<R["query"]> : undefined;
type BodyOf<R extends RouteDoc> = R["body"] extends {
  readonly schema: infer S extends z.ZodType;
  readonly reading: "json";
}
  ? z.output<S>
  : undefined;

/** A route whose requests are checked (R1) before `handle` sees them. */
export function defineRoute<const R extends RouteDoc>(
  doc: R,
  handle: (deps: ApiDeps, checked: Checked<QueryOf<R>, BodyOf<R>>) => Promise<Answer>,
): Route {
  return {
    ...doc,
    label: { path: doc.path, timed: true },
    async answer(deps, request) {
      const checked = await checkRequest(doc, deps, request);
      if (checked.kind === "refused") return checked.answer;
      // The schemas of `doc` made these values; TypeScript cannot follow that through a conditional type.
      return handle(deps, {
        params: request.params,
        query: checked.query as QueryOf<R>,
        body: checked.body as BodyOf<R>,
        sent: checked.sent,
        request,
      });
    },
  };
}
