/** A job record as the API answers it, for tests that need one in a certain state. */
import { jobSchema, type Job } from "../../src/contract/job.ts";

/** A valid job; `change` replaces fields. @throws when the result does not fit the contract */
export function sampleJob(change: Partial<Job> = {}): Job {
  return jobSchema.parse({
    id: "01hzyv7k3m8q4r5t6w7x8y9z0a",
    task: "count",
    class: "batch",
    state: "queued",
    reason: "waiting_for_slot",
    reasonText: "",
    input: { steps: 10, stepMs: 1 },
    output: null,
    error: null,
    progress: null,
    checkpoint: null,
    checkpointInterval: null,
    worker: null,
    zone: null,
    attempts: 0,
    retries: 0,
    staleWritesRefused: 0,
    checkpointTrouble: null,
    createdAt: "2026-01-02T03:04:05.000Z",
    startedAt: null,
    finishedAt: null,
    runAt: null,
    deadlineAt: null,
    timeoutMs: null,
    maxRetries: 3,
    priority: 0,
    pool: "default",
    labels: {},
    array: null,
    caller: null,
    forkOf: null,
    dependsOn: [],
    goodput: null,
    ...change,
  });
}
