/**
 * One serving process, put together: everything between the socket and Redis.
 *
 * Used by `serve.ts`, which gets its connections from the parent, and by tests, which let it listen by itself.
 */
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import type { AddressInfo, Socket } from "node:net";
import {
  ArrayDesk,
  ArrayFiller,
  BatchCaretaker,
  FleetStore,
  FleetTime,
  ForeignStore,
  Generation,
  JobEventLog,
  JobGraph,
  JobReader,
  JobWriter,
  loadBatchScripts,
  OnlineDesk,
  QueueReader,
  retain,
  ScheduleDesk,
  retainOnline,
  writeMarks,
  TicketQueues,
} from "../src/batch/batch.ts";
import { openStore, StoreFault, storeAccessFrom } from "../src/checkpoints/checkpoints.ts";
import type { Json } from "../src/contract/json.ts";
import { Caretaker, FleetWatch, TaskRegistry, WorkerRegistry } from "../src/fleet/fleet.ts";
import { OnlineCoordinator } from "../src/online/online.ts";
import { EventTail } from "../src/redis/event-tail.ts";
import { closeRedis, connectRedis, hidePassword, whenReady } from "../src/redis/connection.ts";
import { createKeys, ONLINE_SHELVES } from "../src/redis/keys.ts";
import type { RedisOutage } from "../src/redis/outage.ts";
import { RedisClock } from "../src/redis/redis-clock.ts";
import { openScriptWriter } from "../src/redis/script-writer.ts";
import { systemClock } from "../src/runtime/clock.ts";
import type { Config } from "../src/runtime/config.ts";
import type { Logger } from "../src/runtime/logger.ts";
import { Loop } from "../src/runtime/loop.ts";
import { parseFaultPlan } from "../src/runtime/fault-points.ts";
import { ServiceGroup, type Service } from "../src/runtime/service.ts";
import { JOB_STATES, type JobState } from "../src/domain/job-state.ts";
import { refuse } from "./answer.ts";
import type { ApiDeps } from "./deps.ts";
import { Drain } from "./drain.ts";
import { Exchange } from "./exchange.ts";
import { createExpressApp } from "./express-app.ts";
import { FailureRecords } from "./failure-records.ts";
import { answerInvoke } from "./hot-invoke.ts";
import { HttpServer } from "./http-server.ts";
import { InputSchemas } from "./input-schemas.ts";
import { JobEvents } from "./job-events.ts";
import { JobWaiter } from "./job-waiter.ts";
import { Metrics } from "./metrics.ts";
import { MetricsGather, type AskOthers } from "./metrics-gather.ts";
import { OnlineJobs } from "./online-jobs.ts";
import { Pages } from "./pages.ts";
import { ROUTES } from "./routes.ts";
import { invokeRoute } from "./routes/tasks.ts";
import { submitterOf } from "./scheduled-submission.ts";
import { Restraint } from "./restraint.ts";
import { SiteGuard } from "./site-guard.ts";
import { SlowRequests } from "./slow-requests.ts";
import { TaskLookup } from "./task-lookup.ts";

const { version } = createRequire(import.meta.url)("cairn-scheduler/package.json") as { version: string };

/** A caller is told within half a second that Redis is away. */
const COMMAND_TIMEOUT_MS = 450;
const REDIS_WITHIN_MS = 30_000;
/** How long the store is waited for before requests are served without it. */
const STORE_WITHIN_MS = 3_000;
const STORE_LOOK_MS = 5_000;
/** How often schedules are looked at. */
const SCHEDULES_MS = 500;
/** Portions of old records of online requests that are forgotten in one round of looking after them. */
const FORGETTING_ROUNDS = 100;

export interface ServingOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** Where it listens by itself; null: connections are handed over. */
  readonly listen: { readonly host: string; readonly port: number } | null;
  /** Metrics of the other serving processes. */
  readonly others: AskOthers;
  /** Tells in the log that Redis is away. */
  readonly outage: RedisOutage;
  /** The store turned out not to be the fleet's, when it answered at last: this process has to end. */
  readonly onForeignStore: (error: ForeignStore) => void;
}

export interface Serving extends Service {
  /** Where it listens by itself; null before `start`. */
  readonly address: AddressInfo | null;
  readonly gather: MetricsGather;
  /** Takes over a connection. */
  accept(socket: Socket): void;
  /** The whole API is leaving: `/readyz` refuses, answers close their connections. */
  drain(): void;
}

export function createServing({ config, logger, listen, others, outage, onForeignStore }: ServingOptions): Serving {
  const { limits } = config;
  const clock = systemClock;
  const keys = createKeys(config.redisPrefix);
  const apiId = `${config.hostname.toLowerCase().replace(/[^a-z0-9-]/g, "-")}-${randomBytes(5).toString("hex")}`;
  const redis = connectRedis(
    config.redisUrl,
    { kind: "command", commandTimeoutMs: COMMAND_TIMEOUT_MS },
    `api:${apiId}`,
  );
  const tailRedis = connectRedis(config.redisUrl, { kind: "blocking" }, `api:${apiId}:events`);
  const bull = connectRedis(config.redisUrl, { kind: "bullmq" }, `api:${apiId}:bull`);
  const complain = (component: string) => (error: unknown) =>
    logger.warn({ err: error, component }, "will be tried again");

  const redisClock = new RedisClock({ client: () => redis, key: keys.root, clock });
  const redisNowMs = (): number => redisClock.nowMs();
  const scripts = loadBatchScripts({ eventsPerJob: limits.eventsPerJob });
  const tickets = new TicketQueues({ bull, redis, keys });
  const store = openStore(config.store, storeAccessFrom(config));
  const durable = openScriptWriter({
    durability: config.durability,
    redis,
    url: config.redisUrl,
    label: `api:${apiId}`,
    key: keys.acknowledged,
    withinMs: COMMAND_TIMEOUT_MS / 2,
  });
  const reader = new JobReader({ redis, keys, redisNowMs });
  const time = new FleetTime({ redis, keys });
  const graph = new JobGraph({ redis, keys, scripts, tickets });
  const filler = new ArrayFiller({
    ...{ redis, keys, scripts, tickets, redisNowMs },
    faults: parseFaultPlan(config.faults),
  });
  const arrays = new ArrayDesk({
    ...{ redis, keys, scripts, filler, limits, redisNowMs },
    writer: durable,
    writeWithinMs: COMMAND_TIMEOUT_MS,
  });
  const schedules = new ScheduleDesk({
    ...{ redis, keys, scripts, redisNowMs },
    writer: durable,
    writeWithinMs: COMMAND_TIMEOUT_MS,
  });
  const watch = new FleetWatch({ redis, keys, clock, onError: complain("fleet-watch") });
  const tasks = new TaskRegistry({ watch, clock });
  const tail = new EventTail({ redis: tailRedis, keys, clock, onError: complain("event-tail") });
  const online = new OnlineCoordinator({
    redisUrl: config.onlineRedisUrl,
    keys,
    clock,
    log: logger,
    apiId,
    faults: parseFaultPlan(config.faults),
    longestDeadlineMs: Math.max(limits.maxDeadlineMs, limits.maxAsyncDeadlineMs),
  });
  const fleetStore = new FleetStore({ redis, keys, store, who: `an API on ${config.hostname}` });
  // Online requests do not need the store: they are served while it is away. What is done in it waits until it is known
  // to be the fleet's.
  const demandStore = async (): Promise<void> => {
    await fleetStore.demand().catch((error: unknown) => {
      if (error instanceof ForeignStore) onForeignStore(error);
      throw error;
    });
  };
  const generation = new Generation({ redis, keys, scripts, store, demandStore, clock, logger });
  const caretaker = new Caretaker({
    redis,
    keys,
    clock,
    watch,
    batch: new BatchCaretaker({ redis, keys, scripts, tickets, graph, arrays: filler, redisNowMs, logger }),
    settleGeneration: () => generation.settle(),
    retain: async () => {
      await demandStore();
      await retain({ redis, keys, scripts, store, limits, redisNowMs, garbageDelayMs: config.garbageDelayMs });
      const keepMs = limits.finalRecordTtlMs;
      await retainOnline({ redis, keys, scripts, shelves: ONLINE_SHELVES, keepMs, rounds: FORGETTING_ROUNDS });
    },
    writeMarks: async () => {
      await demandStore();
      await writeMarks({ redis, keys, store });
    },
    redisNowMs,
    who: `api:${apiId}`,
    logger,
  });

  const drain = new Drain();
  const metrics = new Metrics();
  const waiter = new JobWaiter({ reader, tail, clock, drain });
  metrics.connect({
    jobsByState: () => reader.countByState(Object.keys(JOB_STATES) as JobState[]),
    workersByState: () => {
      const counts = new Map<string, number>();
      for (const { beat } of watch.workers()) counts.set(beat.state, (counts.get(beat.state) ?? 0) + 1);
      return counts;
    },
    timeSpent: () => time.spent(),
    checkpointTrouble: () => reader.checkpointTrouble(),
    losses: () => time.losses(),
    replicasReplaced: () =>
      watch.workers().map(({ id, beat }) => ({ worker: id, replaced: new Map(Object.entries(beat.replaced)) })),
    health: () => online.health.byTask,
    waiting: () => waiter.waiting,
    watchedJobs: () => tail.watched,
    gates: () => online.gates(),
  });
  const lookup = new TaskLookup({ registry: tasks, clock });
  const schemas = new InputSchemas({ logger });
  const desk = new OnlineDesk({
    redis,
    keys,
    scripts,
    limits,
    redisNowMs,
    writeWithinMs: COMMAND_TIMEOUT_MS,
    holder: apiId,
  });
  const onlineJobs = new OnlineJobs({
    desk,
    online,
    tail,
    clock,
    logger,
    metrics,
    drain,
    faults: parseFaultPlan(config.faults),
    redisNowMs,
    definitionsFor: async (task, input) => {
      const definitions = (await lookup.find(task)).filter((info) => info.class === "online");
      return schemas.accepting(definitions, JSON.parse(input) as Json);
    },
  });
  const slow = new SlowRequests({ redis, keys, clock });
  const publicUrl = config.publicUrl ?? null;
  const gather = new MetricsGather({ metrics, others });
  const deps: ApiDeps = {
    limits,
    logger,
    clock,
    redis,
    keys,
    redisNowMs,
    reader,
    graph,
    arrays,
    schedules,
    writer: new JobWriter({
      redis,
      writer: durable,
      keys,
      scripts,
      tickets,
      reader,
      graph,
      limits,
      redisNowMs,
      writeWithinMs: COMMAND_TIMEOUT_MS,
      stopGraceMs: config.stopGraceMs,
      onTicketError: complain("tickets"),
    }),
    time,
    queues: new QueueReader({ redis, keys, tickets, redisNowMs }),
    pools: () => [...new Set(["default", ...watch.workers().flatMap(({ registration }) => registration?.pools ?? [])])],
    tasks,
    lookup,
    workers: new WorkerRegistry({ redis, keys, redisNowMs }),
    online,
    store,
    events: new JobEvents({ log: new JobEventLog({ redis, keys, scripts }), redis, keys, tail }),
    waiter,
    tail,
    schemas,
    onlineJobs,
    slow,
    restraint: new Restraint(clock),
    failures: new FailureRecords({ desk, clock, logger, redisNowMs, onDropped: () => metrics.failureDropped() }),
    metrics,
    gather,
    drain,
    guard: new SiteGuard({ listenHost: config.host, publicUrl }),
    pages: new Pages({ routes: ROUTES, version, publicUrl }),
    publicUrl,
  };

  const submitScheduled = submitterOf(deps);
  const schedule = new Loop({
    name: "schedules",
    intervalMs: SCHEDULES_MS,
    clock,
    round: async () => {
      await schedules.serve(submitScheduled);
    },
    onError: complain("schedules"),
  });
  const storeLook = new Loop({
    name: "store-look",
    intervalMs: STORE_LOOK_MS,
    clock,
    round: demandStore,
    onError: complain("store-look"),
  });
  const exchange = new Exchange(deps);
  const app = createExpressApp(ROUTES, exchange);
  const server = new HttpServer({
    listen,
    clock,
    drainMs: config.drainMs,
    handle: (incoming, outgoing) => {
      if (!answerInvoke(invokeRoute, exchange, incoming, outgoing)) app(incoming, outgoing);
    },
    unexpected: (incoming, outgoing) => {
      const detail = `Expect is ${JSON.stringify(incoming.headers.expect)}`;
      void exchange.with(refuse("expectation_failed", detail), incoming, outgoing);
    },
  });
  const services = new ServiceGroup("api", [
    redisClock,
    watch,
    tail,
    online,
    slow,
    onlineJobs,
    caretaker,
    schedule,
    storeLook,
    server,
  ]);

  return {
    name: "serving",
    gather,
    get address() {
      return server.address;
    },
    accept: (socket) => server.accept(socket),
    drain: () => drain.refuse(),
    async start() {
      const impatient = setTimeout(() => {
        logger.warn({ redis: hidePassword(config.redisUrl) }, "waiting for Redis");
      }, 2_000);
      await whenReady(redis, config.redisUrl, REDIS_WITHIN_MS).finally(() => clearTimeout(impatient));
      outage.watch({ url: config.redisUrl, client: redis, clock, logger });
      await durable.ready();
      await Promise.race([fleetStore.demand(), clock.sleep(STORE_WITHIN_MS)]).catch((error: unknown) => {
        if (!(error instanceof StoreFault)) throw error;
        logger.warn({ store: store.url, why: error.message }, "the checkpoint store does not answer");
      });
      await services.start();
    },
    async stop() {
      drain.begin();
      await services.stop();
      await Promise.race([tickets.close(), clock.sleep(1_000)]);
      durable.close();
      for (const client of [redis, tailRedis, bull]) closeRedis(client);
    },
  };
}
