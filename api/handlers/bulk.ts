/**
 * POST /v1/jobs/bulk.
 *
 * K1 An array that is not JSON is refused before anything is created; a line that is not JSON is that line's matter.
 * K2 Every item has its answer, in the items' order.
 * K3 Items that wait for each other are a graph: `bulk-graph.ts` takes them, as a whole.
 * K4 Memory is bounded: items by the limit of the body, answers by the limit of items.
 */
import type { BulkAnswer } from "../../src/contract/bulk.ts";
import { problem, type Problem } from "../../src/contract/problem.ts";
import { json, refuse, type Answer } from "../answer.ts";
import type { ApiDeps } from "../deps.ts";
import { faultAnswer } from "../fault-answer.ts";
import { fingerprintOf, readIdempotencyKey } from "../idempotency-key.ts";
import { inOrder } from "../in-order.ts";
import { splitArray, splitLines, type Line } from "../json-items.ts";
import { parseJson } from "../json-body.ts";
import { readBody } from "../request-body.ts";
import { fieldWords } from "../field-words.ts";
import { shapeProblem, tooLarge } from "../request-check.ts";
import type { ApiRequest } from "../request.ts";
import type { Checked } from "../route.ts";
import { acceptedSubmitSchema, NOT_YET } from "../submit-shape.ts";
import { refersToItems, submitGraph } from "./bulk-graph.ts";
import { submitOne } from "../submission.ts";

/** Items under way at a time: enough to keep Redis busy, few enough to leave it to others. */
const WIDTH = 16;

export async function submitBulk(deps: ApiDeps, { request }: Checked<undefined, undefined>): Promise<Answer> {
  const key = readIdempotencyKey(request.header("idempotency-key"));
  if (key.kind === "bad") return refuse("invalid_idempotency_key", "the Idempotency-Key cannot be read");
  const work = (item: Line, index: number): Promise<BulkAnswer> => submitItem(deps, request, key.key, item, index);
  if (!isArray(request)) {
    return {
      status: 200,
      headers: {},
      body: {
        kind: "stream",
        mediaType: "application/x-ndjson",
        chunks: asLines(inOrder(lines(deps, request), WIDTH, work)),
      },
    };
  }
  const { bulkBytes, bulkItems } = deps.limits;
  const read = await readBody(request.incoming, bulkBytes);
  if (read.kind === "too_large") return tooLarge(bulkBytes);
  if (read.kind === "gone") return refuse("malformed_http", "the body broke off");
  const split = await splitArray(read.bytes, bulkItems);
  if (split.kind === "bad") return refuse("invalid_json", split.detail);
  let isGraph = false;
  for (const [index, bytes] of split.items.entries()) {
    const parsed = parseJson(bytes); // K1
    isGraph ||= parsed.kind === "value" && refersToItems(parsed.value);
    if (parsed.kind === "bad" && parsed.problem.code === "invalid_json") {
      return refuse("invalid_json", `item ${index}: ${parsed.problem.detail}`);
    }
    if (index % 100 === 99) await new Promise(setImmediate);
  }
  if (isGraph) return submitGraph(deps, request, split.items, key.key); // K3
  const items: BulkAnswer[] = [];
  for await (const answer of inOrder(asItems(split.items), WIDTH, work)) items.push(answer);
  return json(200, { items });
}

function isArray(request: ApiRequest): boolean {
  return (request.header("content-type") ?? "").trim().toLowerCase().startsWith("application/json");
}

async function* asItems(items: readonly Buffer[]): AsyncGenerator<Line> {
  for (const bytes of items) yield await Promise.resolve({ kind: "line", bytes } as const);
}

/** The lines of the request. What goes beyond the limits is one more line, which is refused, and ends it. */
async function* lines(deps: ApiDeps, request: ApiRequest): AsyncGenerator<Line> {
  const { bodyBytes, bulkBytes, bulkItems } = deps.limits;
  let leftBytes = bulkBytes;
  let leftItems = bulkItems;
  let tooMany = false;
  async function* bounded(): AsyncGenerator<Buffer> {
    // Left in the middle, the request must stay open: its answer goes over the same connection.
    for await (const chunk of request.incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      leftBytes -= chunk.length;
      if (leftBytes < 0) return;
      yield chunk;
    }
  }
  for await (const line of splitLines(bounded(), bodyBytes)) {
    tooMany = leftItems === 0;
    if (tooMany) break;
    leftItems -= 1;
    yield line;
  }
  if (leftBytes < 0 || tooMany) yield { kind: "too_long" };
}

async function* asLines(answers: AsyncIterable<BulkAnswer>): AsyncGenerator<string> {
  for await (const answer of answers) yield `${JSON.stringify(answer)}\n`;
}

/** K2 */
async function submitItem(
  deps: ApiDeps,
  request: ApiRequest,
  key: string | null,
  item: Line,
  index: number,
): Promise<BulkAnswer> {
  const refused = (found: Problem): BulkAnswer => ({
    index,
    status: found.status,
    id: null,
    replayed: false,
    problem: found,
  });
  if (item.kind === "too_long") return refused(problem("payload_too_large", "the item, or the body, is too large"));
  const parsed = parseJson(item.bytes);
  if (parsed.kind === "bad") return refused(parsed.problem);
  if (refersToItems(parsed.value)) {
    return refused(
      problem("invalid_request", "items that wait for each other are sent as one JSON array, not as lines"),
    );
  }
  const shaped = acceptedSubmitSchema.safeParse(parsed.value, { error: fieldWords });
  if (!shaped.success) return refused(shapeProblem(shaped.error, NOT_YET));
  const idempotency =
    key === null ? null : { key: `${key}/${index}`, fingerprint: fingerprintOf("POST", request.path, parsed.value) };
  try {
    const submission = await submitOne(deps, shaped.data, idempotency, request);
    if (submission.kind === "refused") return refused(submission.problem);
    return { index, status: 202, id: submission.job.id, replayed: submission.replayed, problem: null };
  } catch (error) {
    const { body } = faultAnswer(error, request, deps.logger);
    return refused(body.kind === "problem" ? body.problem : problem("internal", "the item could not be submitted"));
  }
}
