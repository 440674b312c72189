/**
 * The SDK: everything the REST API does, as methods. Needs `fetch` and nothing of the server's code.
 *
 * C1 What the API answers is handed out as it came, unchecked: a newer server may say more than this client knows.
 * C2 A refusal is a `CairnProblem`, silence is `CairnUnreachable`, a limit of the caller's own is `CairnTimeout`.
 * C3 A submission always carries an `Idempotency-Key`: one that got no answer is sent again, and still makes one job
 *    (`submission.ts`).
 */
import type { Fleet } from "../contract/fleet.ts";
import type {
  Artifact,
  Attempt,
  Checkpoint,
  DependencyStanding,
  Job,
  JobEventView,
  PatchJob,
  SubmitRequest,
} from "../contract/job.ts";
import { isFinalState } from "../contract/job.ts";
import type { Json } from "../contract/json.ts";
import type { Queue } from "../contract/queue.ts";
import type { SlowRequest } from "../contract/slow.ts";
import type { TaskView, Worker } from "../contract/worker.ts";
import { followEvents } from "./events.ts";
import { CairnTimeout } from "./fault.ts";
import { followJob } from "./follow.ts";
import { followLog, type LogSource } from "./logs.ts";
import { Http, type Call } from "./http.ts";
import type {
  CairnClientOptions,
  CallOptions,
  ForkRequest,
  ControlOptions,
  ControlVerb,
  InvokeOptions,
  JobFilter,
  LimitsView,
  LogOptions,
  Ordered,
  OrderOptions,
  RetryOptions,
  Submission,
  SubmitOptions,
  WaitOptions,
  WorkerOrder,
} from "./options.ts";
import { ArrayClient } from "./arrays.ts";
import { filterQuery } from "./job-filter.ts";
import { ScheduleClient } from "./schedules.ts";
import { quoted, submissionCall } from "./submission.ts";
import { eachItem, pageQuery, type Page, type PageRequest } from "./pages.ts";

/** Longest time the server is asked to hold an answer back, s: what stands between cuts longer ones. */
const LONGEST_HOLD_S = 25;
/** Longest deadline of an online request, ms: the client gives up after it even when the task's own is not known. */
const LONGEST_DEADLINE_MS = 60_000;
/** While waiting for a job, it is looked at this often even if no event comes, ms. */
const LOOK_MS = 1_000;

export class CairnClient {
  readonly url: string;
  /** Many jobs of one submission. */
  readonly arrays: ArrayClient;
  /** Jobs that are submitted again and again. */
  readonly schedules: ScheduleClient;
  readonly #http: Http;
  readonly #timeoutMs: number;
  readonly #patienceMs: number;

  /** @throws TypeError when `url` is not an http(s) address */
  constructor(options: CairnClientOptions) {
    const address = new URL(options.url);
    if (!/^https?:$/.test(address.protocol)) throw new TypeError(`"${options.url}" is not an http(s) address`);
    this.url = options.url.replace(/\/+$/, "");
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#patienceMs = options.patienceMs ?? 60_000;
    this.#http = new Http({
      url: this.url,
      fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
      headers: options.headers ?? {},
      timeoutMs: this.#timeoutMs,
      maxTries: options.maxTries ?? 4,
      random: Math.random,
    });
    this.arrays = new ArrayClient(this.#http);
    this.schedules = new ScheduleClient(this.#http);
  }

  /** Asks an online task and waits for its output. */
  async invoke(task: string, input: Json, options: InvokeOptions = {}): Promise<Json> {
    const { idempotencyKey, timeoutMs, signal } = options;
    const { body } = await this.#http.json({
      method: "POST",
      path: `/v1/tasks/${encodeURIComponent(task)}/invoke`,
      body: input,
      headers: idempotencyKey === undefined ? {} : { "idempotency-key": quoted(idempotencyKey) },
      repeatability: idempotencyKey === undefined ? "once" : "safe",
      ...(timeoutMs === undefined ? { timeoutMs: LONGEST_DEADLINE_MS } : { timeoutMs, tellDeadline: true }),
      signal,
    });
    return body as Json;
  }

  /** Submits a job. */
  async submit(request: SubmitRequest, options: SubmitOptions = {}): Promise<Submission> {
    return await this.#submit(request, options, {});
  }

  /**
   * Submits a job and waits for its end.
   * @returns the job in a final state: look at `state` before using `output`
   * @throws CairnTimeout with the job in it, which goes on
   */
  async submitAndWait(request: SubmitRequest, options: SubmitOptions & WaitOptions = {}): Promise<Job> {
    const { timeoutMs, signal, onUpdate } = options;
    const begin = performance.now();
    const hold = Math.min(LONGEST_HOLD_S, Math.floor(Math.min(timeoutMs ?? Infinity, this.#timeoutMs / 2) / 1_000));
    const prefer: Record<string, string> = onUpdate === undefined && hold > 0 ? { prefer: `wait=${hold}` } : {};
    const { job } = await this.#submit(request, options, prefer);
    onUpdate?.(job);
    if (isFinalState(job.state)) return job;
    const left = timeoutMs === undefined ? undefined : Math.max(0, timeoutMs - (performance.now() - begin));
    return await this.wait(job.id, { timeoutMs: left, signal, onUpdate });
  }

  /**
   * Waits for the end of a job. A job that was stopped by a person is waited for too.
   * @throws CairnTimeout with the job in it, which goes on
   */
  async wait(id: string, options: WaitOptions = {}): Promise<Job> {
    const { timeoutMs, signal, onUpdate } = options;
    const timer = timeoutMs === undefined ? undefined : AbortSignal.timeout(Math.max(0, Math.ceil(timeoutMs)));
    const signals = [timer, signal].filter((one) => one !== undefined);
    let last: Job | null = null;
    try {
      for await (const job of this.follow(id, { signal: AbortSignal.any(signals) })) {
        last = job;
        onUpdate?.(job);
      }
    } catch (error) {
      if (timer?.aborted !== true || signal?.aborted === true) throw error;
      throw new CairnTimeout(timeoutMs ?? 0, `job ${id} did not end`, last);
    }
    if (last === null) throw new Error(`job ${id} was followed, but never seen`);
    return last;
  }

  /** The job now, after each of its events, and every `everyMs` (default 1 s), until its end. */
  follow(id: string, options: CallOptions & { readonly everyMs?: number } = {}): AsyncGenerator<Job> {
    return followJob(
      { job: async (signal) => await this.job(id, { signal }), events: (signal) => this.events(id, { signal }) },
      { everyMs: options.everyMs ?? LOOK_MS, patienceMs: this.#patienceMs, signal: options.signal },
    );
  }

  async job(id: string, options: CallOptions = {}): Promise<Job> {
    return await this.#get<Job>(jobPath(id), [], options);
  }

  /** All jobs that fit, newest first, fetched page by page as they are needed. */
  jobs(filter: JobFilter = {}, options: CallOptions = {}): AsyncGenerator<Job> {
    return eachItem(async (page) => await this.jobPage(filter, page, options));
  }

  async jobPage(filter: JobFilter = {}, page: PageRequest = {}, options: CallOptions = {}): Promise<Page<Job>> {
    return await this.#get<Page<Job>>("/v1/jobs", [...filterQuery(filter), ...pageQuery(page)], options);
  }

  /** The job's attempts, newest first. */
  attempts(id: string, options: CallOptions = {}): AsyncGenerator<Attempt> {
    return this.#each<Attempt>(`${jobPath(id)}/attempts`, options);
  }

  checkpoints(id: string, options: CallOptions = {}): AsyncGenerator<Checkpoint> {
    return this.#each<Checkpoint>(`${jobPath(id)}/checkpoints`, options);
  }

  /** What a job waits for, and how that stands. */
  dependencies(id: string, options: CallOptions = {}): AsyncGenerator<DependencyStanding> {
    return this.#each<DependencyStanding>(`${jobPath(id)}/dependencies`, options);
  }

  artifacts(id: string, options: CallOptions = {}): AsyncGenerator<Artifact> {
    return this.#each<Artifact>(`${jobPath(id)}/artifacts`, options);
  }

  /** The bytes of an artifact. */
  async artifact(id: string, name: string, options: CallOptions = {}): Promise<Uint8Array> {
    const path = `${jobPath(id)}/artifacts/${encodeURIComponent(name)}`;
    return await this.#http.bytes({
      method: "GET",
      path,
      headers: { accept: "*/*" },
      repeatability: "safe",
      ...options,
    });
  }

  /** The job's events from its first one, or after `lastEventId`; goes on over cut connections until its end. */
  events(id: string, options: CallOptions & { readonly lastEventId?: string } = {}): AsyncGenerator<JobEventView> {
    return followEvents(this.#http, `${jobPath(id)}/events`, {
      patienceMs: this.#patienceMs,
      until: "end",
      ...options,
    });
  }

  /** The job's events so far, the oldest first. */
  history(id: string, options: CallOptions = {}): AsyncGenerator<JobEventView> {
    return followEvents(this.#http, `${jobPath(id)}/events`, {
      patienceMs: this.#patienceMs,
      until: "now",
      ...options,
    });
  }

  /**
   * What the job wrote, in pieces as they come.
   * @param options.attempt only of this attempt; default: the latest, and with `follow` those after it
   * @param options.follow go on with what is written, over cut connections, until the end
   */
  async *logs(id: string, options: LogOptions = {}): AsyncGenerator<Uint8Array> {
    const { attempt, follow = false, signal } = options;
    const read = async (query: [string, string][]): Promise<AsyncIterable<Uint8Array>> => {
      const headers = { accept: "text/plain" };
      const path = `${jobPath(id)}/logs`;
      const body = await this.#http.stream({ method: "GET", path, query, headers, repeatability: "safe", signal });
      return body ?? nothing();
    };
    if (!follow) {
      yield* await read(attempt === undefined ? [] : [["attempt", String(attempt)]]);
      return;
    }
    const source: LogSource = {
      job: async () => await this.job(id, { signal }),
      read: async (place) =>
        await read([
          ["attempt", String(place.attempt)],
          ["offset", String(place.offset)],
          ["follow", String(place.end === "stay")],
        ]),
    };
    yield* followLog(source, { attempt, patienceMs: this.#patienceMs, signal });
  }

  /** Asks for a checkpoint now; the job runs on. */
  async checkpoint(id: string, options: ControlOptions = {}): Promise<Job> {
    return (await this.control(id, "checkpoint", options)).job;
  }

  /** Parks the job at a checkpoint made for that. */
  async stop(id: string, options: ControlOptions = {}): Promise<Job> {
    return (await this.control(id, "stop", options)).job;
  }

  /** Lets a stopped job go on from its last checkpoint. */
  async resume(id: string, options: ControlOptions = {}): Promise<Job> {
    return (await this.control(id, "resume", options)).job;
  }

  /** Moves a running job to another worker. */
  async migrate(id: string, options: ControlOptions = {}): Promise<Job> {
    return (await this.control(id, "migrate", options)).job;
  }

  async cancel(id: string, options: ControlOptions = {}): Promise<Job> {
    return (await this.control(id, "cancel", options)).job;
  }

  /** Runs a final job again: from its last checkpoint, from the start, or from a kept checkpoint by number. */
  async retry(id: string, options: RetryOptions = {}): Promise<Job> {
    return (await this.control(id, "retry", options)).job;
  }

  /** Begins a new job at a checkpoint of this one. Never sent twice: each would make a job. */
  async fork(id: string, fork: ForkRequest = {}, options: CallOptions = {}): Promise<Job> {
    const call = {
      method: "POST",
      path: `${jobPath(id)}/fork`,
      body: fork,
      repeatability: "once",
      ...options,
    } as const;
    return (await this.#http.json(call)).body as Job;
  }

  /** Gives an order to a job. Never sent twice: a second one may come after somebody else's, and undo it. */
  async control(id: string, verb: ControlVerb, options: RetryOptions = {}): Promise<Ordered> {
    const { waitMs, signal, from = "last" } = options;
    const { body, response } = await this.#http.json({
      method: "POST",
      path: `${jobPath(id)}/${verb}`,
      query: waitMs === undefined ? [] : [["wait", String(Math.ceil(waitMs / 1_000))]],
      repeatability: "once",
      ...(verb === "retry" ? { body: { from } } : {}),
      signal,
    });
    return { job: body as Job, effect: response.status === 200 ? "stands" : "ordered" };
  }

  /** Changes the priority or the labels. */
  async patch(id: string, change: PatchJob, options: CallOptions = {}): Promise<Job> {
    const call: Call = { method: "PATCH", path: jobPath(id), body: change, repeatability: "safe", ...options };
    return (await this.#http.json(call)).body as Job;
  }

  /** Deletes a final job with its record. */
  async remove(id: string, options: CallOptions = {}): Promise<void> {
    await this.#http.empty({ method: "DELETE", path: jobPath(id), repeatability: "once", ...options });
  }

  /** What all workers together can take, what waits for them, and where the time went. */
  async fleet(options: CallOptions = {}): Promise<Fleet> {
    return await this.#get<Fleet>("/v1/fleet", [], options);
  }

  /** The fleet's workers. */
  workers(options: CallOptions = {}): AsyncGenerator<Worker> {
    return this.#each<Worker>("/v1/workers", options);
  }

  async worker(id: string, options: CallOptions = {}): Promise<Worker> {
    return await this.#get<Worker>(`/v1/workers/${encodeURIComponent(id)}`, [], options);
  }

  /** Gives a worker an order, with a reason that is shown with it. Repeating it changes nothing. */
  async order(id: string, order: WorkerOrder, options: OrderOptions = {}): Promise<Worker> {
    const { reason, signal } = options;
    const call: Call = {
      method: "POST",
      path: `/v1/workers/${encodeURIComponent(id)}/${order}`,
      body: reason === undefined ? {} : { reason },
      repeatability: "safe",
      signal,
    };
    return (await this.#http.json(call)).body as Worker;
  }

  /** Tasks that workers have registered, with their JSON Schemas. */
  tasks(options: CallOptions = {}): AsyncGenerator<TaskView> {
    return this.#each<TaskView>("/v1/tasks", options);
  }

  /** The newest definition of a task. */
  async task(name: string, options: CallOptions = {}): Promise<TaskView> {
    return await this.#get<TaskView>(`/v1/tasks/${encodeURIComponent(name)}`, [], options);
  }

  /** The slowest requests of an online task in the last ten minutes, with what was tried for each. */
  slowest(task: string, options: CallOptions = {}): AsyncGenerator<SlowRequest> {
    return this.#each<SlowRequest>(`/v1/tasks/${encodeURIComponent(task)}/slow`, options);
  }

  /** Queues of batch work with their depths and ages. */
  queues(options: CallOptions = {}): AsyncGenerator<Queue> {
    return this.#each<Queue>("/v1/queues", options);
  }

  async limits(options: CallOptions = {}): Promise<LimitsView> {
    return await this.#get<LimitsView>("/v1/limits", [], options);
  }

  /** Resolves when the API can serve. @throws CairnProblem saying what it lacks */
  async ready(options: CallOptions = {}): Promise<void> {
    // Once: it is asked to know how things are now.
    await this.#http.empty({ method: "GET", path: "/readyz", repeatability: "once", ...options });
  }

  async #submit(
    request: SubmitRequest,
    options: SubmitOptions,
    headers: Readonly<Record<string, string>>,
  ): Promise<Submission> {
    const { body, response } = await this.#http.json(submissionCall(request, options, headers));
    return { job: body as Job, replayed: response.headers.get("idempotency-replayed") === "true" };
  }

  async #get<T>(path: string, query: [string, string][], options: CallOptions): Promise<T> {
    const call: Call = { method: "GET", path, query, repeatability: "safe", ...options };
    return (await this.#http.json(call)).body as T;
  }

  #each<Item>(path: string, options: CallOptions): AsyncGenerator<Item> {
    return eachItem(async (page) => await this.#get<Page<Item>>(path, pageQuery(page), options));
  }
}

function jobPath(id: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // The server had nothing to say.
}
