/**
 * Express carries the routes of the table to their handlers, and does nothing else: no body parsing, no error pages,
 * no headers of its own.
 */
import express, { type NextFunction, type Request, type Response } from "express";
import { empty, refuse, type Answer } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import type { Route } from "./route.ts";

type Handler = (request: Request, response: Response) => Promise<void>;

/** The application for `routes`. */
export function createExpressApp(routes: readonly Route[], exchange: Exchange): express.Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", false);
  app.set("case sensitive routing", true);
  app.set("strict routing", true);

  const answerWith =
    (answer: (request: Request) => Answer): Handler =>
    (request, response) =>
      exchange.with(answer(request), request, response);

  for (const [path, atPath] of groupByPath(routes)) {
    const place = app.route(toExpressPath(path));
    for (const route of atPath) {
      const handler: Handler = (request, response) => exchange.byRoute(route, request, response, paramsOf(request));
      place[methodOf(route)](handler);
    }
    place.all(answerWith((request) => notAllowed(request, atPath)));
  }
  app.use(answerWith((request) => refuse("not_found", `there is nothing at ${request.path.slice(0, 200)}`)));
  // Express knows an error handler by its four parameters.
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) =>
    exchange.with(unreadable(error), request, response),
  );
  return app;
}

function groupByPath(routes: readonly Route[]): Map<string, Route[]> {
  const groups = new Map<string, Route[]>();
  for (const route of routes) groups.set(route.path, [...(groups.get(route.path) ?? []), route]);
  return groups;
}

/** `/v1/jobs/{id}` → `/v1/jobs/:id` */
function toExpressPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ":$1");
}

function methodOf(route: Route): "get" | "post" | "put" | "patch" | "delete" {
  return route.method.toLowerCase() as Lowercase<Route["method"]>;
}

function paramsOf(request: Request): Record<string, string> {
  return Object.fromEntries(Object.entries(request.params).map(([name, value]) => [name, String(value)]));
}

/** OPTIONS is answered, without CORS: pages of other sites have no business here. */
function notAllowed(request: Request, routes: readonly Route[]): Answer {
  const methods = routes.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  const headers = { Allow: [...methods, "OPTIONS"].join(", ") };
  if (request.method === "OPTIONS") return empty(204, headers);
  return refuse("method_not_allowed", `${request.method} is not one of ${methods.join(", ")}`, {}, headers);
}

/** What Express itself refuses is a path that cannot be decoded; all else is a fault. */
function unreadable(error: unknown): Answer {
  if (typeof error === "object" && error !== null && "status" in error && error.status === 400) {
    return refuse("invalid_request", "the path is not percent-encoded UTF-8");
  }
  throw error;
}
