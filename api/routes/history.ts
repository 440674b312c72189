/** Routes to what belongs to a job. */
import { z } from "zod";
import {
  artifactListSchema,
  attemptListSchema,
  checkpointListSchema,
  dependencyListSchema,
  jobEventSchema,
} from "../../src/contract/job.ts";
import { eventQuerySchema, logQuerySchema, pageQuerySchema } from "../../src/contract/query.ts";
import {
  downloadArtifact,
  listArtifacts,
  listAttempts,
  listCheckpoints,
  listDependencies,
} from "../handlers/job-history.ts";
import { followJobEvents } from "../handlers/job-events.ts";
import { readJobLog } from "../handlers/job-logs.ts";
import { defineRoute, type Route } from "../route.ts";

const LIST = {
  method: "GET",
  tag: "history",
  query: pageQuerySchema,
  problems: ["unknown_job", "invalid_cursor", "redis_unavailable"],
} as const;

export const historyRoutes: readonly Route[] = [
  defineRoute(
    {
      ...LIST,
      path: "/v1/jobs/{id}/attempts",
      operationId: "listAttempts",
      summary: "List a job's attempts, newest first",
      description:
        "Which worker took the job from which checkpoint, how far it came, and how it ended. The newest 1,000 are kept.",
      successes: [{ status: 200, description: "A page of attempts", schema: attemptListSchema }],
    },
    listAttempts,
  ),
  defineRoute(
    {
      method: "GET",
      path: "/v1/jobs/{id}/dependencies",
      operationId: "listDependencies",
      tag: "history",
      summary: "List what a job waits for",
      description: "The jobs and arrays of its `dependsOn`, with how each stands.",
      successes: [{ status: 200, description: "All of them", schema: dependencyListSchema }],
      problems: ["unknown_job", "redis_unavailable"],
    },
    listDependencies,
  ),
  defineRoute(
    {
      ...LIST,
      path: "/v1/jobs/{id}/checkpoints",
      operationId: "listCheckpoints",
      summary: "List a job's checkpoints, newest first",
      description: "Those that are kept. One that did not verify is `set_aside`.",
      successes: [{ status: 200, description: "A page of checkpoints", schema: checkpointListSchema }],
    },
    listCheckpoints,
  ),
  defineRoute(
    {
      ...LIST,
      path: "/v1/jobs/{id}/artifacts",
      operationId: "listArtifacts",
      summary: "List a job's artifacts",
      description:
        "Files that the task handed out. They appear when they are committed: with a checkpoint, or at success.",
      successes: [{ status: 200, description: "A page of artifacts", schema: artifactListSchema }],
    },
    listArtifacts,
  ),
  defineRoute(
    {
      method: "GET",
      path: "/v1/jobs/{id}/artifacts/{artifact}",
      operationId: "downloadArtifact",
      tag: "history",
      summary: "Download an artifact",
      description: "Always as a file to be saved, never as something a browser would run.",
      requestHeaders: ["If-None-Match"],
      successes: [
        {
          status: 200,
          description: "The file",
          mediaType: "application/octet-stream",
          headers: ["ETag", "Content-Disposition"],
        },
        { status: 304, description: "The file is as it was", headers: ["ETag"] },
      ],
      problems: ["unknown_job", "unknown_artifact", "redis_unavailable", "store_unavailable"],
    },
    downloadArtifact,
  ),
  defineRoute(
    {
      method: "GET",
      path: "/v1/jobs/{id}/logs",
      operationId: "readJobLog",
      tag: "history",
      summary: "Read what a job printed",
      description:
        "Output of the task and its console, as it was written, some seconds behind. Of long logs head and tail are kept; what was left out in between is said.",
      query: logQuerySchema,
      successes: [{ status: 200, description: "The log", mediaType: "text/plain", schema: z.string() }],
      problems: ["unknown_job", "redis_unavailable", "store_unavailable"],
    },
    readJobLog,
  ),
  defineRoute(
    {
      method: "GET",
      path: "/v1/jobs/{id}/events",
      operationId: "followJobEvents",
      tag: "history",
      summary: "Follow a job's events",
      description:
        "Server-Sent Events. `data` of each is a JobEvent, `id` is its id; a reader that comes back with `Last-Event-ID` misses nothing. A comment comes at least every 15 s. After the last event of a job that has ended the stream ends.",
      query: eventQuerySchema,
      requestHeaders: ["Last-Event-ID"],
      successes: [
        {
          status: 200,
          description: "The events, from the first one or after the one named",
          mediaType: "text/event-stream",
          schema: z.string(),
          carries: jobEventSchema,
        },
        { status: 204, description: "The job has ended and nothing came after that event: do not reconnect" },
      ],
      problems: ["unknown_job", "invalid_cursor", "redis_unavailable"],
    },
    followJobEvents,
  ),
];
