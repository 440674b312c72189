/**
 * The replica's end of the online path: takes attempts, runs them, answers.
 *
 * V1 Beats come first and leave last: what can be sent here is known to be alive, what left in order is not mourned.
 * V2 `drain` loses nothing and costs no caller an attempt: it says so, hands back what has not started, finishes what
 *    runs, and waits until Redis has the answers.
 * V3 A reader that died, or a beat thread that died, ends the process (`onFatal`): better none than one that is deaf.
 */
import type { Keys } from "../redis/keys.ts";
import { RedisClock } from "../redis/redis-clock.ts";
import type { Clock } from "../runtime/clock.ts";
import type { FaultPoints } from "../runtime/fault-points.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Service } from "../runtime/service.ts";
import type { CheckpointView } from "../tasks/context.ts";
import { Answers } from "./answers.ts";
import type { AttemptRun, RunResult, ServedTask } from "./attempt-run.ts";
import type { BeatBody } from "./beat.ts";
import { BeatSender } from "./beat-sender.ts";
import { CommandLink } from "./command-link.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import { ListReader } from "./list-reader.ts";
import { Slots } from "./slots.ts";
import { TakenNotices } from "./taken-notices.ts";
import { TaskLane, type Refusal } from "./task-lane.ts";
import { TimerWheel } from "./timer-wheel.ts";
import { decodeControl, WAKE, type AnswerStatus, type ParkOrder } from "./wire.ts";

const CONTROLS_AT_A_TIME = 256;
/** How long the answers may take to reach Redis when everything else is done. */
const FLUSH_MS = 5_000;

export interface OnlineServerOptions {
  readonly redisUrl: string;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly log: Logger;
  readonly faults: FaultPoints;
  readonly workerId: string;
  readonly replicaId: string;
  readonly zone: string | null;
  /** Online requests at the same time, over all tasks. */
  readonly slots: number;
  readonly tasks: readonly ServedTask[];
  /** Longest output, in characters of JSON. */
  readonly maxOutput: number;
  readonly latestCheckpoint: (jobId: string) => Promise<CheckpointView | null>;
  readonly onFatal: (error: Error) => void;
  /** An API process has found that this replica takes nothing, or answers nothing; whoever started it replaces it. */
  readonly onUnfit: (why: string) => void;
}

export class OnlineServer implements Service {
  readonly name = "online-server";
  readonly #options: OnlineServerOptions;
  readonly #link: CommandLink;
  readonly #redisClock: RedisClock;
  readonly #beats: BeatSender;
  readonly #answers: Answers;
  readonly #slots: Slots;
  readonly #lanes: readonly TaskLane[];
  readonly #control: ListReader;
  readonly #notices: TakenNotices;
  readonly #wheel: TimerWheel;
  readonly #runs = new KeyedQueue<AttemptRun>();
  #state: BeatBody["state"] = "ready";
  #kicking = false;
  #whenEmpty: (() => void) | null = null;

  constructor(options: OnlineServerOptions) {
    const { redisUrl: url, keys, clock, log, replicaId } = options;
    this.#options = options;
    const link = new CommandLink({ url, label: `replica-${replicaId}`, log });
    this.#link = link;
    this.#redisClock = new RedisClock({ client: () => link.client, key: keys.replicas, clock });
    const redisNowMs = (): number => this.#redisClock.nowMs();
    const monotonicMs = (): number => clock.monotonicMs();
    this.#answers = new Answers({ link, keys, redisNowMs });
    this.#slots = new Slots(options.slots);
    this.#wheel = new TimerWheel({ monotonicMs });
    this.#notices = new TakenNotices({ nowMs: monotonicMs, announce: (run) => this.#answer(run, "taken") });
    this.#beats = new BeatSender({
      url,
      key: keys.replicas,
      verdictKey: keys.verdict(replicaId),
      replicaId,
      onUnfit: options.onUnfit,
      status: () => this.#status(),
      onDeath: options.onFatal,
    });
    const { maxOutput, latestCheckpoint } = options;
    this.#lanes = options.tasks.map(
      (served) =>
        new TaskLane({
          served,
          replicaId,
          url,
          log,
          faults: options.faults,
          taskList: keys.taskList(served.task.name),
          ownList: keys.replicaList(served.task.name, replicaId),
          slots: this.#slots,
          liveReplicas: () => this.#beats.liveReplicas(served.task.name),
          roundTripMs: () => 1 + 4 * this.#redisClock.errorMs,
          runServices: { log, redisNowMs, monotonicMs, maxOutput, latestCheckpoint },
          refuse: (refusal) => this.#refuse(refusal),
          arrived: (run) => this.#arrived(run),
          finished: (run, result) => this.#finished(run, result),
        }),
    );
    const control = [keys.control(replicaId)];
    this.#control = new ListReader({
      name: `control-${replicaId}`,
      url,
      log,
      lists: () => control,
      capacity: () => (options.faults.reach("online.control") === "skip" ? 0 : CONTROLS_AT_A_TIME),
      accept: (entries) => {
        for (const entry of entries) this.#obey(entry);
      },
    });
  }

  /** @throws Error when Redis does not answer within 30 s */
  async start(): Promise<void> {
    await this.#link.start();
    await this.#redisClock.start();
    await this.#beats.start(); // V1
    await this.#control.start();
    for (const lane of this.#lanes) await lane.start();
  }

  /** V2. Resolves when nothing of this replica is left anywhere. */
  async drain(): Promise<void> {
    this.#state = "draining";
    this.#beats.beatNow();
    const drained = this.#lanes.map((lane) => lane.drain());
    await this.#wakeReaders(this.#lanes);
    await Promise.all(drained);
    await this.#emptyOwnLists();
    if (this.#runs.size > 0) await new Promise<void>((resolve) => (this.#whenEmpty = resolve));
    await this.stop();
  }

  /** Ends at once; what runs is left to whoever notices. */
  async stop(): Promise<void> {
    this.#state = "draining";
    for (const lane of this.#lanes) void lane.drain();
    await this.#answers.flushed(FLUSH_MS);
    await this.#answers.close();
    await this.#beats.stop();
    await this.#control.cut();
    await this.#redisClock.stop();
    await this.#link.stop();
    this.#notices.stop();
    this.#wheel.stop();
  }

  /** Attempts that are here: running, or about to. */
  get inFlight(): number {
    return this.#runs.size;
  }

  #arrived(run: AttemptRun): void {
    this.#runs.add(run.key, run);
    this.#notices.arrived(run);
    this.#wheel.set(run, this.#options.clock.monotonicMs() + run.entry.expiresAtMs - this.#redisClock.nowMs());
  }

  #finished(run: AttemptRun, { status, body, retryAfterMs }: RunResult): void {
    this.#wheel.cancel(run);
    this.#runs.delete(run.key);
    if (this.#options.faults.reach("online.answer") === "go") this.#answer(run, status, body, retryAfterMs);
    if (this.#runs.size === 0) this.#whenEmpty?.();
    if (this.#kicking) return;
    // After all answers of this turn: what has become free is given out once.
    this.#kicking = true;
    setImmediate(() => {
      this.#kicking = false;
      for (const lane of this.#lanes) lane.kick();
    });
  }

  #answer(run: AttemptRun, status: AnswerStatus, body = "", retryAfterMs = 0): void {
    const { id, attempt, api, expiresAtMs } = run.entry;
    const { replicaId: replica } = this.#options;
    this.#answers.send(api, expiresAtMs, { id, attempt, status, replica, runUs: run.runUs, retryAfterMs, body });
  }

  #refuse({ api, id, attempt, status }: Refusal): void {
    const { replicaId: replica } = this.#options;
    const expiresAtMs = this.#redisClock.nowMs() + FLUSH_MS;
    this.#answers.send(api, expiresAtMs, { id, attempt, status, replica, runUs: 0, retryAfterMs: 0, body: "" });
  }

  #obey(text: string): void {
    const order = decodeControl(text);
    if (order === null) {
      this.#options.log.warn({ entry: text.slice(0, 200) }, "order cannot be read");
      return;
    }
    if (order.verb === "park") {
      this.#park(order);
      return;
    }
    const { verb, id, attempt, api } = order;
    const run = this.#runs.get(`${id} ${attempt}`);
    if (verb === "cancel") run?.cancel();
    else if (run !== undefined) this.#answer(run, "taken");
    else if (!this.#answers.isUnsent(`${id} ${attempt}`)) this.#refuse({ api, id, attempt, status: "gone" });
  }

  #park({ task, forMs, api }: ParkOrder): void {
    const lane = this.#lanes.find((one) => one.task === task);
    if (lane?.park(api, forMs) !== true) return;
    this.#options.log.info({ task, by: api }, "parked: first attempts are left to others");
    void this.#wakeReaders([lane]);
    this.#beats.beatNow();
  }

  #status(): BeatBody {
    const { workerId, zone } = this.#options;
    const definitions = new Map(this.#options.tasks.map(({ task, definition }) => [task.name, definition]));
    const tasks = Object.fromEntries(
      this.#lanes.map(({ task, free, most, p95Ms, parked, taken, inFlight: held }) => {
        const definition = definitions.get(task) ?? "";
        return [task, { definition, free, most, p95Ms, held, parked, taken }];
      }),
    );
    const { total } = this.#slots;
    return {
      worker: workerId,
      zone,
      pid: process.pid,
      state: this.#state,
      slots: total,
      inFlight: this.#runs.size,
      roundTripMs: 2 * this.#redisClock.errorMs,
      tasks,
    };
  }

  /** Ends the blocks of readers, which would go on for up to a second. */
  async #wakeReaders(lanes: readonly TaskLane[]): Promise<void> {
    const { keys, replicaId } = this.#options;
    await Promise.all(
      lanes.map(
        ({ task }) =>
          this.#link.run((client) => client.rpush(keys.replicaList(task, replicaId), WAKE)).catch(() => undefined), // The block ends by itself.
      ),
    );
  }

  /** What was sent to us alone and not popped any more is handed back. */
  async #emptyOwnLists(): Promise<void> {
    const { keys, replicaId } = this.#options;
    for (const lane of this.#lanes) {
      const list = keys.replicaList(lane.task, replicaId);
      for (;;) {
        const left = await this.#link.run((client) => client.lpop(list, 100)).catch(() => null);
        if (left === null || left.length === 0) break;
        lane.accept(left);
      }
    }
  }
}
