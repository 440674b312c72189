/** What handlers work with. Made once per serving process, in `serving.ts`. */
import type {
  ArrayDesk,
  FleetTime,
  JobGraph,
  JobReader,
  JobWriter,
  QueueReader,
  ScheduleDesk,
} from "../src/batch/batch.ts";
import type { CheckpointStore } from "../src/checkpoints/checkpoints.ts";
import type { Limits } from "../src/domain/limits.ts";
import type { TaskRegistry, WorkerRegistry } from "../src/fleet/fleet.ts";
import type { OnlineCoordinator } from "../src/online/online.ts";
import type { EventTail } from "../src/redis/event-tail.ts";
import type { Keys } from "../src/redis/keys.ts";
import type { RedisClient } from "../src/redis/connection.ts";
import type { Clock } from "../src/runtime/clock.ts";
import type { Logger } from "../src/runtime/logger.ts";
import type { Drain } from "./drain.ts";
import type { FailureRecords } from "./failure-records.ts";
import type { InputSchemas } from "./input-schemas.ts";
import type { JobEvents } from "./job-events.ts";
import type { JobWaiter } from "./job-waiter.ts";
import type { Metrics } from "./metrics.ts";
import type { MetricsGather } from "./metrics-gather.ts";
import type { OnlineJobs } from "./online-jobs.ts";
import type { Pages } from "./pages.ts";
import type { Restraint } from "./restraint.ts";
import type { SiteGuard } from "./site-guard.ts";
import type { SlowRequests } from "./slow-requests.ts";
import type { TaskLookup } from "./task-lookup.ts";

export interface ApiDeps {
  readonly limits: Limits;
  readonly logger: Logger;
  readonly clock: Clock;
  /** For plain commands; they fail soon when Redis is away. */
  readonly redis: RedisClient;
  readonly keys: Keys;
  /** Redis' clock, as well as it is known here. */
  readonly redisNowMs: () => number;
  readonly reader: JobReader;
  readonly graph: JobGraph;
  readonly arrays: ArrayDesk;
  readonly schedules: ScheduleDesk;
  readonly writer: JobWriter;
  readonly time: FleetTime;
  readonly queues: QueueReader;
  /** Pools that some worker serves. */
  readonly pools: () => readonly string[];
  readonly tasks: TaskRegistry;
  readonly lookup: TaskLookup;
  readonly workers: WorkerRegistry;
  readonly online: OnlineCoordinator;
  readonly store: CheckpointStore;
  readonly events: JobEvents;
  readonly waiter: JobWaiter;
  readonly tail: EventTail;
  readonly schemas: InputSchemas;
  readonly onlineJobs: OnlineJobs;
  readonly failures: FailureRecords;
  readonly slow: SlowRequests;
  readonly restraint: Restraint;
  readonly metrics: Metrics;
  readonly gather: MetricsGather;
  readonly drain: Drain;
  readonly guard: SiteGuard;
  readonly pages: Pages;
  /** The address clients use: `https://cairn.example.org`; null: whatever the request says. */
  readonly publicUrl: string | null;
}
