/**
 * `cairn worker`: one agent with its replicas and keepers, put together.
 *
 * MW1 The first SIGTERM (or SIGINT) drains, the second hurries, the third ends at once. Equal signals within 250 ms
 *     count once: under npm a Ctrl-C arrives twice.
 * MW2 When the channel to the process that started us closes, that process is gone: we drain as after a signal.
 * MW3 A worker whose store does not answer waits for it and is not ready; one whose store is not the fleet's ends.
 */
import "../src/runtime/demand-node.ts";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import {
  BatchCaretaker,
  FleetStore,
  Generation,
  ArrayFiller,
  JobGraph,
  LeaseDesk,
  loadBatchScripts,
  queuesOf,
  TicketDrawer,
  TicketQueues,
} from "../src/batch/batch.ts";
import { openStore, StoreFault, storeAccessFrom } from "../src/checkpoints/checkpoints.ts";
import { BEAT_FORMAT, canTakeElsewhere, Caretaker, FleetWatch, WorkerPresence } from "../src/fleet/fleet.ts";
import { closeRedis, connectRedis, whenReady } from "../src/redis/connection.ts";
import { createKeys } from "../src/redis/keys.ts";
import { RedisOutage } from "../src/redis/outage.ts";
import { RedisClock } from "../src/redis/redis-clock.ts";
import { openScriptWriter } from "../src/redis/script-writer.ts";
import { systemClock } from "../src/runtime/clock.ts";
import { awsVariables, inheritedEnvironment } from "../src/runtime/config.ts";
import { withThreads } from "./keeper/thread-pool.ts";
import { parseFaultPlan } from "../src/runtime/fault-points.ts";
import { createLogger } from "../src/runtime/logger.ts";
import { ServiceGroup } from "../src/runtime/service.ts";
import { configOf, endWithFailure } from "../src/runtime/start-failure.ts";
import { Agent } from "./agent/agent.ts";
import { BatchDesk } from "./agent/batch-desk.ts";
import { childEnvironment, forkChild } from "./agent/children.ts";
import { describeTasks } from "./agent/describe-tasks.ts";
import { WorkLedger } from "./agent/work-ledger.ts";
import { ReplicaKeeper } from "./agent/replica-keeper.ts";
import { leaveOnSignals } from "./agent/signals.ts";
import { WakeReader } from "./agent/wake-reader.ts";

const { version } = createRequire(import.meta.url)("cairn-scheduler/package.json") as { version: string };

const STORE_AGAIN_MS = 500;
/** How often it is said that the store is waited for (MW3). */
const WAITING_TOLD_MS = 30_000;

const config = configOf("worker");
const workerId = config.workerId ?? `${config.hostname.toLowerCase()}-${randomBytes(3).toString("hex")}`;
const boot = randomBytes(8).toString("hex");
const outage = new RedisOutage();
const absorbs = (error: unknown): boolean => outage.absorbs(error);
const logger = createLogger({ level: config.logLevel, process: "agent", absorbs }).child({ workerId });
const environment = childEnvironment(inheritedEnvironment());
const keys = createKeys(config.redisPrefix);
const clock = systemClock;
const onError = (component: string) => (error: unknown) =>
  logger.warn({ err: error, component }, "will be tried again");

const commands = connectRedis(config.redisUrl, { kind: "command", commandTimeoutMs: 1_000 }, `agent:${workerId}`);
const wakes = connectRedis(config.redisUrl, { kind: "blocking" }, `agent:${workerId}:wake`);
const bull = connectRedis(config.redisUrl, { kind: "bullmq" }, `agent:${workerId}:bull`);

async function main(): Promise<void> {
  const ledger = new WorkLedger({ folder: join(config.data, "work"), workerId, logger });
  await ledger.takeOver();
  const { tasks, bundles, programs, passEnv, doubts } = await describeTasks(
    {
      modules: config.tasks,
      programs: config.programs,
      builtins: config.builtins,
      bundleFolder: join(config.data, "bundles"),
    },
    environment,
  );
  for (const doubt of doubts) logger.warn({ component: "programs" }, doubt);
  await whenReady(commands, config.redisUrl, 30_000);
  outage.watch({ url: config.redisUrl, client: commands, clock, logger });

  const redisClock = new RedisClock({ client: () => commands, key: keys.root, clock });
  const redisNowMs = (): number => redisClock.nowMs();
  const scripts = loadBatchScripts({ eventsPerJob: config.limits.eventsPerJob });
  const tickets = new TicketQueues({ bull, redis: commands, keys });
  const drawer = new TicketDrawer({ bull, redis: commands, keys });
  const graph = new JobGraph({ redis: commands, keys, scripts, tickets });
  const arrays = new ArrayFiller({
    redis: commands,
    keys,
    scripts,
    tickets,
    redisNowMs,
    faults: parseFaultPlan(config.faults),
  });
  const caretaking = new BatchCaretaker({ redis: commands, keys, scripts, tickets, graph, arrays, redisNowMs, logger });
  // Keepers and replicas have a clean environment, in which the SDK would not find the role of a container.
  const storeAccess = {
    ...storeAccessFrom(config),
    ...(config.store.startsWith("s3:") ? { sdk: awsVariables() } : {}),
  };
  const store = openStore(config.store, storeAccess);
  const who = `worker ${workerId} on ${config.hostname}`;
  const fleetStore = new FleetStore({ redis: commands, keys, store, who });
  const storeId = await untilStoreAnswers(() => fleetStore.demand());
  const durable = openScriptWriter({
    durability: config.durability,
    redis: commands,
    url: config.redisUrl,
    label: `agent:${workerId}`,
    key: keys.acknowledged,
    withinMs: 1_000,
  });
  const desk = new LeaseDesk({
    redis: commands,
    writer: durable,
    keys,
    scripts,
    tickets,
    holder: { workerId, boot, zone: config.zone ?? "" },
    redisNowMs,
    random: Math.random,
    garbageDelayMs: config.garbageDelayMs,
    onTicketError: onError("tickets"),
  });

  // What the operator lets programs see besides; each sees only what its own definition names.
  const keeperEnvironment = withThreads(childEnvironment(inheritedEnvironment(), passEnv));
  const own = { taskModules: bundles, builtins: config.builtins, faults: config.faults, logLevel: config.logLevel };
  const watch = new FleetWatch({ redis: commands, keys, clock, onError: onError("fleet-watch") });
  const batch = new BatchDesk({
    workerId,
    slots: config.batchSlots,
    queues: queuesOf(tasks, config.pools),
    elsewhere: (queue) => (canTakeElsewhere(watch, queue, workerId) ? "others" : "alone"),
    drawer,
    desk,
    clock,
    redisNowMs,
    logger,
    attempt: {
      desk,
      clock,
      faults: parseFaultPlan(config.faults),
      logger,
      forkKeeper: () => forkChild(new URL("./keeper/main.js", import.meta.url), keeperEnvironment),
      noteGroup: (pid) => ledger.note(pid),
      rideThroughMs: config.rideThroughMs,
    },
    assignment: {
      ...own,
      nice: config.batchNice,
      storeUrl: config.store,
      storeAccess,
      storeId,
      storePatienceMs: config.storePatienceMs,
      logBytes: config.limits.logBytesPerAttempt,
      outputBytes: config.limits.inlineBytes,
    },
    programs: new Set(programs),
    workFolder: ledger.folder,
  });
  const replicas = new ReplicaKeeper({
    count: tasks.some((task) => task.class === "online") && config.onlineSlots > 0 ? config.replicas : 0,
    workerId,
    assignment: {
      ...own,
      zone: config.zone ?? null,
      redisUrl: config.onlineRedisUrl,
      batchRedisUrl: config.redisUrl,
      redisPrefix: config.redisPrefix,
      storeUrl: config.store,
      storeAccess,
      slots: Math.max(1, Math.ceil(config.onlineSlots / Math.max(1, config.replicas))),
    },
    fork: () => forkChild(new URL("./replica/main.js", import.meta.url), environment),
    clock,
    random: Math.random,
    logger,
  });
  const generation = new Generation({
    redis: commands,
    keys,
    scripts,
    store,
    demandStore: () => fleetStore.demand(),
    clock,
    logger,
  });
  const presence = new WorkerPresence({
    redis: commands,
    keys,
    workerId,
    onSetBack: () => generation.declareSetBack(),
  });
  const agent = new Agent({
    boot,
    presence,
    batch,
    replicas,
    slots: { online: config.onlineSlots, batch: config.batchSlots },
    stopGraceMs: config.stopGraceMs,
    drainMs: config.drainMs,
    clock,
    logger,
  });

  if (await presence.isTaken(clock)) {
    throw new Error(`a worker named ${workerId} is alive already: give this one another CAIRN_WORKER_ID`);
  }
  // A worker of this id that ran before us holds nothing any more.
  await presence.succeedLost();
  await presence.register(
    {
      format: BEAT_FORMAT,
      boot,
      host: config.hostname,
      version,
      zone: config.zone ?? null,
      region: config.region ?? null,
      labels: config.labels,
      pools: config.pools,
      tasks: tasks.map((task) => `${task.name}@${task.definition}`),
      startedAt: new Date(clock.nowMs()).toISOString(),
    },
    tasks,
  );
  await caretaking.takeLeasesFrom(workerId, boot);

  await durable.ready();
  const services = new ServiceGroup("worker", [
    redisClock,
    watch,
    new Caretaker({
      redis: commands,
      keys,
      clock,
      watch,
      batch: caretaking,
      settleGeneration: () => generation.settle(),
      retain: null,
      writeMarks: null,
      redisNowMs,
      who: `agent:${workerId}`,
      logger,
    }),
    agent,
    new WakeReader({ client: wakes, key: keys.wake(workerId), clock, onWake: () => agent.wake() }),
  ]);
  await services.start();
  logger.info({ tasks: tasks.map((task) => task.name), version }, "worker ready");
  process.send?.({ kind: "ready", workerId, pid: process.pid });

  const { hurry, why } = await leaveOnSignals(logger); // MW1, MW2
  await agent.drain(why, hurry);
  await services.stop();
  await ledger.close();
  await Promise.allSettled([drawer.close(), tickets.close()]);
  durable.close();
  for (const client of [commands, bull]) closeRedis(client);
}

/** MW3 */
async function untilStoreAnswers<T>(ask: () => Promise<T>): Promise<T> {
  for (let toldMs = -Infinity; ;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof StoreFault)) throw error;
      if (clock.monotonicMs() - toldMs >= WAITING_TOLD_MS) {
        logger.warn({ store: config.store, why: error.message }, "not ready: waiting for the checkpoint store");
        toldMs = clock.monotonicMs();
      }
    }
    await clock.sleep(STORE_AGAIN_MS);
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => endWithFailure("worker", error, logger),
);
