/** Routes to probes, metrics and documentation. */
import { z } from "zod";
import { problemKindListSchema, problemKindSchema } from "../../src/contract/problem.ts";
import {
  getLiveness,
  getMetrics,
  getOpenApi,
  getDocs,
  getHome,
  getProblem,
  getReadiness,
  listProblems,
} from "../handlers/service.ts";
import { defineRoute, type Route } from "../route.ts";

const GET = { method: "GET", tag: "service" } as const;
const PAGE = { status: 200, description: "The page", mediaType: "text/html", schema: z.string() } as const;

export const serviceRoutes: readonly Route[] = [
  defineRoute(
    {
      ...GET,
      path: "/livez",
      operationId: "getLiveness",
      summary: "Is the process alive?",
      description: "Answers as long as the event loop turns. Does not look at Redis.",
      successes: [{ status: 200, description: "It is", schema: z.object({ status: z.literal("alive") }) }],
      problems: [],
    },
    getLiveness,
  ),
  defineRoute(
    {
      ...GET,
      path: "/readyz",
      operationId: "getReadiness",
      summary: "Can the process serve?",
      description: "No while it drains, and while Redis does not answer.",
      successes: [{ status: 200, description: "It can", schema: z.object({ status: z.literal("ready") }) }],
      problems: ["shutting_down", "redis_unavailable"],
    },
    getReadiness,
  ),
  defineRoute(
    {
      ...GET,
      path: "/metrics",
      operationId: "getMetrics",
      summary: "Metrics for Prometheus",
      description: "Of all serving processes of this API together.",
      successes: [{ status: 200, description: "Text exposition format", mediaType: "text/plain", schema: z.string() }],
      problems: [],
    },
    getMetrics,
  ),
  defineRoute(
    {
      ...GET,
      path: "/openapi.json",
      operationId: "getOpenApi",
      summary: "This document",
      description: "OpenAPI 3.1.",
      successes: [{ status: 200, description: "The document", schema: z.looseObject({ openapi: z.string() }) }],
      problems: [],
    },
    getOpenApi,
  ),
  defineRoute(
    {
      ...GET,
      path: "/docs",
      operationId: "getDocs",
      summary: "This document as a page",
      description: "Made from the document, without scripts and without anything from elsewhere.",
      successes: [PAGE],
      problems: [],
    },
    getDocs,
  ),
  defineRoute(
    {
      ...GET,
      path: "/",
      operationId: "getHome",
      summary: "Where to begin",
      description: "A page with links.",
      successes: [PAGE],
      problems: [],
    },
    getHome,
  ),
  defineRoute(
    {
      ...GET,
      path: "/problems",
      operationId: "listProblems",
      summary: "All problem codes",
      description: "As a page, or as JSON.",
      successes: [PAGE, { status: 200, description: "All codes", schema: problemKindListSchema }],
      problems: [],
    },
    listProblems,
  ),
  defineRoute(
    {
      ...GET,
      path: "/problems/{code}",
      operationId: "getProblem",
      summary: "What a problem code means",
      description: "Where the `type` of a problem points. As a page, or as JSON.",
      successes: [PAGE, { status: 200, description: "The code", schema: problemKindSchema }],
      problems: ["not_found"],
    },
    getProblem,
  ),
];
