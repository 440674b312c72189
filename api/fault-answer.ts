/** What a caller is told about an exception. The cause goes to the log, not to the caller. */
import { StoreFault } from "../src/checkpoints/checkpoints.ts";
import { classifyRedisError } from "../src/redis/fault.ts";
import type { Logger } from "../src/runtime/logger.ts";
import { refuse, type Answer } from "./answer.ts";
import type { ApiRequest } from "./request.ts";

/** The answer for `error`, which is logged when it is a fault of ours. */
export function faultAnswer(error: unknown, request: ApiRequest, logger: Logger): Answer {
  const fault = classifyRedisError(error);
  if (fault !== null) {
    logger.debug({ err: error, requestId: request.id }, "Redis away during a request");
    if (fault.kind === "unavailable") return refuse("redis_unavailable", `${fault.message}; nothing was done`);
    const job = fault.job ?? request.params["id"];
    return refuse(
      "outcome_unknown",
      "Redis went away before it said whether it was done",
      job === undefined ? {} : { job },
    );
  }
  if (error instanceof StoreFault) {
    logger.warn({ err: error, requestId: request.id }, "store away during a request");
    return refuse("store_unavailable", "the checkpoint store does not answer");
  }
  logger.error({ err: error, requestId: request.id, method: request.method, path: request.path }, "request failed");
  return refuse("internal", "something went wrong in Cairn; it is logged with this request's id");
}
