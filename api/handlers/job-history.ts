/** What belongs to a job: attempts, checkpoints, artifacts, and what it waits for. */
import { Readable } from "node:stream";
import { storeNames } from "../../src/checkpoints/checkpoints.ts";
import type { PageQuery } from "../../src/contract/query.ts";
import { empty, json, refuse, type Answer } from "../answer.ts";
import type { ApiDeps } from "../deps.ts";
import { matchesTag } from "../job-answer.ts";
import { answerPage, ascendingBy, descendingBy } from "../paging.ts";
import type { Checked } from "../route.ts";
import { unknownJob } from "./jobs.ts";

type PageRequest = Checked<PageQuery, undefined>;

/** GET /v1/jobs/{id}/attempts */
export async function listAttempts(deps: ApiDeps, { params, query }: PageRequest): Promise<Answer> {
  const id = params["id"] ?? "";
  const attempts = await deps.reader.attempts(id);
  if (attempts === null) return unknownJob(id);
  return answerPage(
    attempts,
    query,
    descendingBy(({ number }) => number),
    deps.limits,
  );
}

/** GET /v1/jobs/{id}/dependencies */
export async function listDependencies(deps: ApiDeps, { params }: Checked<undefined, undefined>): Promise<Answer> {
  const id = params["id"] ?? "";
  const items = await deps.graph.dependencies(id);
  return items === null ? unknownJob(id) : json(200, { items, nextCursor: null });
}

/** GET /v1/jobs/{id}/checkpoints */
export async function listCheckpoints(deps: ApiDeps, { params, query }: PageRequest): Promise<Answer> {
  const id = params["id"] ?? "";
  const checkpoints = await deps.reader.checkpoints(id);
  if (checkpoints === null) return unknownJob(id);
  return answerPage(
    checkpoints,
    query,
    descendingBy(({ seq }) => seq),
    deps.limits,
  );
}

/** GET /v1/jobs/{id}/artifacts */
export async function listArtifacts(deps: ApiDeps, { params, query }: PageRequest): Promise<Answer> {
  const id = params["id"] ?? "";
  const artifacts = await deps.reader.artifacts(id);
  if (artifacts === null) return unknownJob(id);
  return answerPage(
    artifacts,
    query,
    ascendingBy(({ name }) => name),
    deps.limits,
  );
}

/**
 * GET /v1/jobs/{id}/artifacts/{artifact}: always as a file to be saved. What a task wrote must not run as a page of
 * this API.
 */
export async function downloadArtifact(deps: ApiDeps, checked: Checked<undefined, undefined>): Promise<Answer> {
  const { params, request } = checked;
  const id = params["id"] ?? "";
  const name = params["artifact"] ?? "";
  const artifacts = await deps.reader.artifacts(id);
  if (artifacts === null) return unknownJob(id);
  const artifact = artifacts.find((candidate) => candidate.name === name);
  if (artifact === undefined) {
    return refuse("unknown_artifact", `job ${id} has no artifact ${JSON.stringify(name.slice(0, 128))}`);
  }
  const etag = `"${artifact.sha256}"`;
  const digest = Buffer.from(artifact.sha256, "hex").toString("base64");
  const headers = {
    ETag: etag,
    "Repr-Digest": `sha-256=:${digest}:`,
    // Names of artifacts are plain letters, digits, dots, hyphens and underscores.
    "Content-Disposition": `attachment; filename="${artifact.name}"`,
  };
  if (matchesTag(request.header("if-none-match"), etag)) return empty(304, headers);
  const content = await deps.store.get(storeNames.artifactName(id, artifact.name, artifact.sha256));
  if (content === null) {
    return refuse("unknown_artifact", "its time of retention is over: the record remembers it, the store does not");
  }
  if (request.method === "HEAD") content.destroy();
  return {
    status: 200,
    headers,
    body: {
      kind: "stream",
      mediaType: "application/octet-stream",
      length: artifact.bytes,
      chunks: request.method === "HEAD" ? Readable.from([]) : content,
    },
  };
}
