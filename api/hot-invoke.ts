/**
 * The one route that is answered in front of Express: routing there costs more than the request. Only the way is
 * shorter; checks, limits, errors and the handler are those of the table's route.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { NAME } from "../src/contract/json.ts";
import type { Exchange } from "./exchange.ts";
import type { Route } from "./route.ts";

const BEFORE = "/v1/tasks/";
const AFTER = "/invoke";

/** Answers an invocation that comes in its plain form. @returns whether it was one */
export function answerInvoke(
  route: Route,
  exchange: Exchange,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): boolean {
  const { url } = incoming;
  if (incoming.method !== "POST" || url === undefined || !url.startsWith(BEFORE) || !url.endsWith(AFTER)) return false;
  const task = url.slice(BEFORE.length, -AFTER.length);
  if (!NAME.test(task)) return false;
  void exchange.byRoute(route, incoming, outgoing, { task });
  return true;
}
