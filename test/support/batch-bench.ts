/** Everything that batch records need, put together over one real Redis, with a prefix of its own. */
import { randomBytes } from "node:crypto";
import { ulid } from "ulid";
import {
  ArrayDesk,
  ArrayFiller,
  BatchCaretaker,
  JobGraph,
  JobReader,
  JobWriter,
  LeaseDesk,
  loadBatchScripts,
  NOTHING_NEW,
  TicketDrawer,
  TicketQueues,
  type Lease,
} from "../../src/batch/batch.ts";
import type { ArraySpec } from "../../src/contract/array.ts";
import type { SubmitRequest } from "../../src/contract/job.ts";
import { submitSchema } from "../../src/contract/job.ts";
import type { TaskInfo } from "../../src/contract/worker.ts";
import { DEFAULT_LIMITS } from "../../src/domain/limits.ts";
import { arrayIdFrom } from "../../src/domain/array-element.ts";
import { jobFields } from "../../src/batch/job-fields.ts";
import { runScript } from "../../src/redis/script.ts";
import { closeRedis, connectRedis, whenReady } from "../../src/redis/connection.ts";
import { createKeys } from "../../src/redis/keys.ts";
import { fastWriter, type ScriptWriter } from "../../src/redis/script-writer.ts";
import { noFaults } from "../../src/runtime/fault-points.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { eventually } from "./eventually.ts";

export const COUNT_TASK: TaskInfo = {
  name: "count",
  class: "batch",
  description: "",
  definition: "0000000000000000",
  input: {},
  output: null,
  idempotent: null,
  deadlineMs: null,
  concurrency: null,
  checkpointVersion: 1,
  effects: "none",
  maxRetries: 2,
  keep: 2,
  interval: { everyMs: "auto", minMs: 1_000, maxMs: 60_000 },
  backoff: { initialMs: 1, factor: 2, maxMs: 10, jitter: 0 },
};

/**
 * @param url of a Redis that the test started
 * @param options.writer how durable writes are; default: as Redis takes them
 */
export async function openBatch(url: string, options: { readonly writer?: ScriptWriter } = {}) {
  const keys = createKeys(`t${randomBytes(4).toString("hex")}`);
  const redis = connectRedis(url, { kind: "command", commandTimeoutMs: 20_000 }, "test");
  const bull = connectRedis(url, { kind: "bullmq" }, "test:bull");
  await whenReady(redis, url, 10_000);
  const scripts = loadBatchScripts();
  const redisNowMs = (): number => Date.now();
  const raise = (error: unknown): void => {
    throw error;
  };
  const tickets = new TicketQueues({ bull, redis, keys });
  const drawer = new TicketDrawer({ bull, redis, keys });
  const reader = new JobReader({ redis, keys, redisNowMs });
  const graph = new JobGraph({ redis, keys, scripts, tickets });
  const filler = new ArrayFiller({ redis, keys, scripts, tickets, redisNowMs, faults: noFaults });
  const arrays = new ArrayDesk({
    ...{ redis, keys, scripts, filler, redisNowMs },
    writer: options.writer ?? fastWriter(redis),
    limits: DEFAULT_LIMITS,
    writeWithinMs: 1_000,
  });
  const logger = createLogger({ level: "silent", process: "test" });
  const writing = {
    ...{ redis, keys, scripts, tickets, reader, graph, redisNowMs },
    writer: options.writer ?? fastWriter(redis),
    limits: DEFAULT_LIMITS,
    writeWithinMs: 1_000,
    stopGraceMs: 5_000,
    onTicketError: raise,
  };
  const writer = new JobWriter(writing);
  const deskOf = (workerId: string, zone = ""): LeaseDesk =>
    new LeaseDesk({
      redis,
      writer: options.writer ?? fastWriter(redis),
      keys,
      scripts,
      tickets,
      holder: { workerId, boot: `boot-${workerId}`, zone },
      redisNowMs,
      random: () => 0.5,
      garbageDelayMs: 0,
      onTicketError: raise,
    });
  const caretaker = new BatchCaretaker({ redis, keys, scripts, tickets, graph, arrays: filler, redisNowMs, logger });
  // The generation fits the Redis that answers, as the caretaker would make it.
  const info = String(await redis.eval("return redis.call('INFO','server')", 1, keys.root));
  await redis.hset(keys.generation, { number: "1", runId: /run_id:([0-9a-f]+)/.exec(info)?.[1] ?? "" });

  return {
    keys,
    scripts,
    redis,
    tickets,
    drawer,
    reader,
    writer,
    caretaker,
    graph,
    arrays,
    filler,
    deskOf,
    /** Its writes reach Redis after they should have, as after a long pause on the way. */
    lateWriter: () => new JobWriter({ ...writing, redisNowMs: () => Date.now() - 10_000 }),
    async submit(
      request: Partial<SubmitRequest> = {},
      idempotency: { key: string; fingerprint: string } | null = null,
      caller = "test",
    ) {
      const submit = submitSchema.parse({ task: "count", input: { steps: 3 }, ...request });
      return writer.submit({
        task: COUNT_TASK,
        submit,
        inputText: JSON.stringify(submit.input),
        idempotency,
        by: "test",
        caller,
      });
    },
    /** Submits under an id of the caller's choice. */
    async submitAs(id: string, request: Partial<SubmitRequest>, from: { by: string; caller: string }) {
      const submit = submitSchema.parse({ task: "count", input: { steps: 3 }, ...request });
      const inputText = JSON.stringify(submit.input);
      return writer.submit({ id, task: COUNT_TASK, submit, inputText, idempotency: null, ...from });
    },
    async submitArray(
      spec: ArraySpec,
      request: Partial<SubmitRequest> = {},
      idempotency: { key: string; fingerprint: string } | null = null,
    ) {
      const submit = submitSchema.parse({ task: "count", input: { steps: 3 }, ...request });
      return arrays.submit({ task: COUNT_TASK, submit, spec, idempotency, by: "test", caller: "test" });
    },
    /** Takes an array on, as a process does that dies after `rounds` scripts of making its elements. */
    async begunArray(count: number, rounds: number): Promise<string> {
      const id = arrayIdFrom(ulid().toLowerCase());
      const submit = submitSchema.parse({ task: "count", input: { steps: 3 } });
      const fields = jobFields({ task: COUNT_TASK, submit, by: "test", caller: "test" });
      const args = ["task", "count", "count", count, "input", '{"steps":3}', "fields", JSON.stringify(fields)];
      await runScript(
        redis,
        scripts["array-begin"],
        [keys.root, keys.root],
        [id, Date.now() + 1_000, "", 0, "", ...args, "runAt", "", "deadlineMs", ""],
      );
      await filler.fill(id, rounds);
      return id;
    },
    async created(request: Partial<SubmitRequest> = {}): Promise<string> {
      const outcome = await this.submit(request);
      if (outcome.kind !== "created") throw new Error(`not created: ${outcome.kind}`);
      return outcome.job.id;
    },
    /** Draws the next ticket of `count` and leases its job. Who makes a job ready does not wait for long until it has one. */
    async lease(workerId: string, elsewhere: "others" | "alone" = "alone", zone = ""): Promise<Lease> {
      const ticket = await eventually("a ticket waits", () => drawer.draw(["default.count.v1"], workerId));
      const outcome = await deskOf(workerId, zone).lease(ticket, elsewhere);
      await ticket.settle();
      if (outcome.kind !== "granted") throw new Error(`lease refused: ${outcome.why}`);
      return outcome.lease;
    },
    /** Leases the job whose turn it is, and ends it so. @returns its id */
    async finish(how: "succeeded" | "failed"): Promise<string> {
      const { job, fence, record } = await this.lease("w1");
      const end =
        how === "succeeded"
          ? ({ kind: "succeeded", output: '"done"', artifacts: [] } as const)
          : ({ kind: "failed", fault: "not_retryable", message: "no", retryAfterMs: null } as const);
      await deskOf("w1").end(job, fence, record, end, NOTHING_NEW);
      return job;
    },
    async close(): Promise<void> {
      await Promise.all([drawer.close(), tickets.close()]);
      closeRedis(redis);
      closeRedis(bull);
    },
  };
}

export type BatchBench = Awaited<ReturnType<typeof openBatch>>;

/** A commit of checkpoint `seq`, as a keeper would ask for it. */
export function checkpointCommit(seq: number, parent: number | null) {
  return {
    seq,
    parent,
    manifest: `manifest-${seq}`,
    manifestSha256: "0".repeat(64),
    bytes: 100,
    progress: { completed: seq * 10 },
    artifacts: [],
    account: { restoreMs: 0, checkpointMs: 0, keptMs: 0 },
  };
}
