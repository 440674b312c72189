/** Probes, metrics and documentation. */
import { ERROR_CODES, type ErrorCode } from "../../src/domain/error-code.ts";
import { classifyRedisError } from "../../src/redis/fault.ts";
import { HTML_TYPE, json, JSON_TYPE, refuse, text, type Answer } from "../answer.ts";
import type { ApiDeps } from "../deps.ts";
import { ownAddress } from "../job-answer.ts";
import { prefers } from "../media-type.ts";
import type { Checked } from "../route.ts";
import { pagePolicy } from "../security-headers.ts";

type PlainRequest = Checked<undefined, undefined>;

/** How long Redis may take to answer before this process says that it is not ready, ms. */
const READY_WITHIN_MS = 1_000;

/** GET /livez: this process answers. Never asks Redis: a failover must not restart the whole fleet. */
export function getLiveness(): Promise<Answer> {
  return Promise.resolve(json(200, { status: "alive" }));
}

/** GET /readyz: this process can serve. */
export async function getReadiness(deps: ApiDeps): Promise<Answer> {
  if (deps.drain.refusing) return refuse("shutting_down", "this API takes no new connections any more");
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    // Where this process was held up, its answer may lie in the socket: that is read first.
    const judge = (): unknown => setImmediate(() => reject(new Error("Command timed out")));
    timer = setTimeout(judge, READY_WITHIN_MS);
  });
  try {
    await Promise.race([deps.redis.get(deps.keys.caretaker), late]);
    return json(200, { status: "ready" });
  } catch (error) {
    if (classifyRedisError(error) === null) throw error;
    return refuse("redis_unavailable", "Redis does not answer");
  } finally {
    clearTimeout(timer);
  }
}

/** GET /metrics, of all serving processes together. */
export async function getMetrics(deps: ApiDeps): Promise<Answer> {
  return text(deps.metrics.registry.contentType, await deps.gather.text());
}

/** GET /openapi.json */
export function getOpenApi(deps: ApiDeps): Promise<Answer> {
  return Promise.resolve({
    status: 200,
    headers: {},
    body: { kind: "text", mediaType: JSON_TYPE, text: deps.pages.openApi },
  });
}

/** GET / */
export function getHome(deps: ApiDeps, { request }: PlainRequest): Promise<Answer> {
  return Promise.resolve(page(deps, deps.pages.home(ownAddress(deps, request))));
}

/** GET /docs */
export function getDocs(deps: ApiDeps): Promise<Answer> {
  return Promise.resolve(page(deps, deps.pages.docs));
}

/** GET /problems: every code. */
export function listProblems(deps: ApiDeps, { request }: PlainRequest): Promise<Answer> {
  const asJson = prefers(request.headers.accept, ["text/html", "application/json"]) === "application/json";
  const codes = Object.keys(ERROR_CODES) as ErrorCode[];
  return Promise.resolve(
    asJson ? json(200, { items: codes.map(describe), nextCursor: null }) : page(deps, deps.pages.problems),
  );
}

/** GET /problems/{code}: where the `type` of a problem points. */
export function getProblem(deps: ApiDeps, { params, request }: PlainRequest): Promise<Answer> {
  const code = params["code"] ?? "";
  if (!Object.hasOwn(ERROR_CODES, code)) {
    return Promise.resolve(refuse("not_found", "there is no problem of that code; GET /problems lists them"));
  }
  const known = code as ErrorCode;
  const asJson = prefers(request.headers.accept, ["text/html", "application/json"]) === "application/json";
  return Promise.resolve(asJson ? json(200, describe(known)) : page(deps, deps.pages.problem(known)));
}

function describe(code: ErrorCode): { code: ErrorCode; type: string } & (typeof ERROR_CODES)[ErrorCode] {
  return { code, type: `/problems/${code}`, ...ERROR_CODES[code] };
}

function page(deps: ApiDeps, html: string): Answer {
  return text(HTML_TYPE, html, { "Content-Security-Policy": pagePolicy(deps.pages.styleSha256) });
}
