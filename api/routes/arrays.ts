/** Routes of arrays. They are submitted with POST /v1/jobs. */
import { z } from "zod";
import type { ArrayVerb } from "../../src/batch/batch.ts";
import { arrayListSchema, arrayOrderSchema, arraySchema } from "../../src/contract/array.ts";
import { pageQuerySchema } from "../../src/contract/query.ts";
import { ARRAY_ORDERS, controlArray, getArray, listArrays } from "../handlers/arrays.ts";
import { defineRoute, type Route } from "../route.ts";

const list = defineRoute(
  {
    method: "GET",
    path: "/v1/arrays",
    operationId: "listArrays",
    tag: "jobs",
    summary: "List arrays, newest first",
    description: "Each with its counts. Their elements: `GET /v1/jobs?array=…`.",
    query: pageQuerySchema,
    successes: [{ status: 200, description: "A page of arrays", schema: arrayListSchema }],
    problems: ["invalid_cursor", "redis_unavailable"],
  },
  listArrays,
);

const get = defineRoute(
  {
    method: "GET",
    path: "/v1/arrays/{array}",
    operationId: "getArray",
    tag: "jobs",
    summary: "Look at an array as a whole",
    description: "How many elements are in each state, how far it is, and which elements did not succeed.",
    successes: [{ status: 200, description: "The array as it is now", schema: arraySchema }],
    problems: ["unknown_array", "redis_unavailable"],
  },
  getArray,
);

const VERBS: Readonly<Record<ArrayVerb, { readonly summary: string; readonly description: string }>> = {
  stop: { summary: "Park all elements", description: "Those that wait at once, those that run at a checkpoint." },
  resume: { summary: "Let all stopped elements go on", description: "Each from its last checkpoint." },
  cancel: {
    summary: "Give all elements up that have not ended",
    description: "Those that run end without a checkpoint.",
  },
  retry: {
    summary: "Run again what did not succeed",
    description:
      "Elements that failed, expired or were cancelled, each from its last checkpoint. What has succeeded is left alone.",
  },
};

const orders = ARRAY_ORDERS.map((verb) =>
  defineRoute(
    {
      method: "POST",
      path: `/v1/arrays/{array}/${verb}`,
      operationId: `${verb}Array`,
      tag: "jobs",
      ...VERBS[verb],
      body: {
        ...{ mediaTypes: ["application/json"], limit: "bodyBytes", reading: "json" },
        ...{ schema: z.strictObject({}), required: false },
      },
      successes: [
        { status: 202, description: "Elements took the order", schema: arrayOrderSchema },
        { status: 200, description: "There was none that it was for", schema: arrayOrderSchema },
      ],
      problems: ["unknown_array", "redis_unavailable", "outcome_unknown"],
    },
    controlArray(verb),
  ),
);

export const arrayRoutes: readonly Route[] = [list, get, ...orders];
