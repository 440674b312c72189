/**
 * One request from its head to its answer, the same for the hot route and for Express.
 *
 * X1 Whatever happens, the client gets an answer, and it is a problem document if it is a refusal.
 * X2 Success writes no line to the log: at 10,000 a second the log would be the work.
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { refuseWith, type Answer } from "./answer.ts";
import type { ApiDeps } from "./deps.ts";
import { faultAnswer } from "./fault-answer.ts";
import type { RouteLabel } from "./metrics.ts";
import { ApiRequest } from "./request.ts";
import type { Route } from "./route.ts";
import { writeAnswer } from "./write-answer.ts";

/** A client may name its request itself, in a form that is safe in logs. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

const NO_ROUTE: RouteLabel = { path: "none", timed: true };

export class Exchange {
  readonly #deps: ApiDeps;
  /** Request ids: unique by process, and then by number. */
  readonly #boot = randomBytes(6).toString("hex");
  #count = 0;

  constructor(deps: ApiDeps) {
    this.#deps = deps;
  }

  /** Answers by `route`. @param params decoded parts of the path */
  async byRoute(
    route: Route,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    params: Readonly<Record<string, string>>,
  ): Promise<void> {
    await this.#run(route.label, incoming, outgoing, params, (request) => route.answer(this.#deps, request));
  }

  /** Answers without a route: 404, 405 and what Express could not read. */
  async with(answer: Answer, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    await this.#run(NO_ROUTE, incoming, outgoing, {}, () => Promise.resolve(answer));
  }

  async #run(
    label: RouteLabel,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    params: Readonly<Record<string, string>>,
    handle: (request: ApiRequest) => Promise<Answer>,
  ): Promise<void> {
    const { metrics, drain, logger, guard } = this.#deps;
    const begin = performance.now();
    const request = new ApiRequest(this.#idOf(incoming), incoming, outgoing, params);
    let answer: Answer;
    try {
      const stranger = guard.check(request);
      answer = stranger === null ? await handle(request) : refuseWith(stranger);
    } catch (error) {
      answer = faultAnswer(error, request, logger); // X1
    }
    try {
      await writeAnswer(request, outgoing, answer, { closing: drain.begun });
    } catch (error) {
      logger.warn({ err: error, requestId: request.id, path: request.path }, "answer broke off");
    }
    metrics.answered(label, request.method, answer.status, (performance.now() - begin) / 1_000);
  }

  #idOf(incoming: IncomingMessage): string {
    const given = incoming.headers["x-request-id"];
    if (typeof given === "string" && REQUEST_ID.test(given)) return given;
    this.#count += 1;
    return `${this.#boot}-${this.#count.toString(36)}`;
  }
}
