/**
 * Every Redis key of Cairn, and what it holds.
 *
 * Y1 Batch and fleet keys carry one hash tag, so that their scripts are atomic on a Cluster too.
 * Y2 Online keys carry a tag by task, or by API process: a Cluster spreads them.
 * Y3 No other file writes a key as text (scripts get theirs as KEYS, or build them from the prefix in KEYS[1]).
 */
export interface Keys {
  /** `{prefix}` — the tag that all batch and fleet keys share; scripts build per-job keys from it. */
  readonly root: string;
  /** HASH, the record of a job. */
  job(id: string): string;
  /** HASH, attempt number → JSON. */
  attempts(id: string): string;
  /** HASH, checkpoint seq → JSON. */
  checkpoints(id: string): string;
  /** HASH, artifact name → JSON. */
  artifacts(id: string): string;
  /** LIST of JSON, the events of a job; numbered, the last number stands in the record. */
  jobEvents(id: string): string;
  /** STREAM, the events of all jobs, short: wakes whoever waits. */
  readonly events: string;
  /** ZSET of job ids by id (score 0, lexical), one per index term; "" is all jobs. */
  index(term: string): string;
  /** ZSET of jobs and arrays whose children are to be told how they stand (`lib/graph.lua`), by since when, ms. */
  readonly telling: string;
  /** HASH, a job or array that a job waits for → what it does on its failure, and how it stands. */
  dependencies(id: string): string;
  /** ZSET, jobs that wait for a job or array. */
  children(id: string): string;
  /** HASH, a fork → number of the checkpoint of this job that it stands on. */
  forks(id: string): string;
  /** SET, unfinished jobs that have the id of this job in their input. */
  named(id: string): string;
  /** SET, unfinished jobs that wait, or waited, for this job or array. */
  awaited(id: string): string;
  /** HASH, the record of an array. */
  array(id: string): string;
  /** ZSET of array ids by id (score 0, lexical). */
  readonly arrays: string;
  /** HASH, the record of a schedule. */
  schedule(name: string): string;
  /** ZSET of names of schedules by their next time, ms. */
  readonly schedules: string;
  /** ZSET, arrays whose elements are not all made yet, by when the last ones were, ms. */
  readonly unfilled: string;
  /** ZSET, jobs that are ready but not leased; score: when they last got a ticket, ms. */
  readonly unleased: string;
  /** ZSET, jobs to be made ready, or whose deadline passes; score: when, ms. */
  readonly due: string;
  readonly deadlines: string;
  /** ZSET, final jobs by when they ended. */
  readonly finals: string;
  /** ZSET, final jobs whose time is over and that somebody needs still, by when to look again, ms. */
  readonly kept: string;
  /** ZSET, final records of one kind of online requests: those somebody asked for, or failures. */
  onlineFinals(shelf: OnlineShelf): string;
  /** ZSET, online jobs that are ready and without a lease, by when they may be drawn. */
  readonly onlineReady: string;
  /** HASH, API process → beat: those that hold leases of online jobs. */
  readonly coordinators: string;
  /** ZSET, online jobs that an API process holds, by when it got them. */
  held(api: string): string;
  /** ZSET, final jobs whose checkpoints are still there, by when they ended. */
  readonly sweep: string;
  /** ZSET, what is to be deleted from the store, by when, ms: all of a job (`id`), or its checkpoints (`id fence`). */
  readonly purge: string;
  /** ZSET, jobs whose state the checkpoint store has not been told yet, by when they came into it. */
  readonly unmarked: string;
  /** STRING with expiry, idempotency key (hashed) → fingerprint and job id. */
  idempotency(hash: string): string;
  /** ZSET with expiry, JSON of the slowest recent requests of an online task, by how long they took. */
  slow(task: string): string;
  /** HASH, worker id → beat JSON. */
  readonly beats: string;
  /** HASH, worker id → what it registered, JSON. */
  readonly workers: string;
  /** HASH, worker id → orders (state wanted, reason), JSON. */
  readonly orders: string;
  /** LIST, wakes an agent: it looks at once instead of at its next beat. */
  wake(workerId: string): string;
  /** SET of worker ids that wait for work on a queue. */
  idle(queue: string): string;
  /** HASH, `task@definition` → TaskInfo JSON. */
  readonly tasks: string;
  /** STRING with expiry, written before a WAIT (`script-writer.ts`). */
  readonly acknowledged: string;
  /** HASH, generation of fences and the run_id it was made for. */
  readonly generation: string;
  /** STRING, JSON: which checkpoint store the fleet uses (`batch/fleet-store.ts`). */
  readonly store: string;
  /** HASH, losses of workers and the time they happened in, and the mean time between them; of zones with `@<zone>`. */
  readonly failures: string;
  /** HASH, part of the time → ms that all batch jobs together have spent on it. */
  readonly timeSpent: string;
  /** HASH, why checkpoints are not there (`domain/checkpoint-trouble.ts`) → how many of all jobs. */
  readonly checkpointTrouble: string;
  /** STRING with expiry, JSON: many workers are silent at once, and their leases are taken slowly. */
  readonly brake: string;
  /** STRING with expiry: who looks after the fleet. */
  readonly caretaker: string;
  /** Prefix of BullMQ's own keys. */
  readonly bull: string;
  /** HASH, replica id → beat. */
  readonly replicas: string;
  /** STRING with expiry: which API process asks the replicas whether they take anything. */
  readonly canarySeat: string;
  /** STRING with expiry, JSON: what is wrong with a replica, for itself to read. */
  verdict(replica: string): string;
  /** LIST, first attempts of a task. */
  taskList(task: string): string;
  /** LIST, what is meant for one replica alone. */
  replicaList(task: string, replica: string): string;
  /** LIST with expiry, orders to one replica: cancel, ask. */
  control(replica: string): string;
  /** LIST with expiry, answers to one API process of one boot. */
  replies(api: string): string;
}

/** Where the final record of an online request stands: each is emptied by itself. */
export const ONLINE_SHELVES = ["finals-online", "finals-failures"] as const;
export type OnlineShelf = (typeof ONLINE_SHELVES)[number];

/** Keys under `prefix`. */
export function createKeys(prefix: string): Keys {
  const root = `{${prefix}}`;
  const online = (task: string): string => `{${prefix}:${task}}`;
  return {
    root,
    job: (id) => `${root}:job:${id}`,
    attempts: (id) => `${root}:attempts:${id}`,
    checkpoints: (id) => `${root}:checkpoints:${id}`,
    artifacts: (id) => `${root}:artifacts:${id}`,
    jobEvents: (id) => `${root}:events:${id}`,
    events: `${root}:events`,
    index: (term) => `${root}:ix:${term}`,
    telling: `${root}:telling`,
    dependencies: (id) => `${root}:deps:${id}`,
    children: (id) => `${root}:children:${id}`,
    forks: (id) => `${root}:forks:${id}`,
    named: (id) => `${root}:named:${id}`,
    awaited: (id) => `${root}:awaited:${id}`,
    array: (id) => `${root}:array:${id}`,
    arrays: `${root}:arrays`,
    schedule: (name) => `${root}:schedule:${name}`,
    schedules: `${root}:schedules`,
    unfilled: `${root}:unfilled`,
    unleased: `${root}:unleased`,
    due: `${root}:due`,
    deadlines: `${root}:deadlines`,
    finals: `${root}:finals`,
    kept: `${root}:kept`,
    onlineFinals: (shelf) => `${root}:${shelf}`,
    checkpointTrouble: `${root}:checkpoint-trouble`,
    purge: `${root}:purge`,
    onlineReady: `${root}:online-ready`,
    coordinators: `${root}:coordinators`,
    held: (api) => `${root}:held:${api}`,
    sweep: `${root}:sweep`,
    unmarked: `${root}:unmarked`,
    idempotency: (hash) => `${root}:idem:${hash}`,
    slow: (task) => `${root}:slow:${task}`,
    beats: `${root}:beats`,
    workers: `${root}:workers`,
    orders: `${root}:orders`,
    wake: (workerId) => `${root}:wake:${workerId}`,
    idle: (queue) => `${root}:idle:${queue}`,
    tasks: `${root}:tasks`,
    acknowledged: `${root}:acknowledged`,
    generation: `${root}:generation`,
    store: `${root}:store`,
    failures: `${root}:failures`,
    timeSpent: `${root}:spent`,
    brake: `${root}:brake`,
    caretaker: `${root}:caretaker`,
    bull: `${root}:bull`,
    replicas: `{${prefix}:replicas}:beats`,
    canarySeat: `{${prefix}:replicas}:canary-seat`,
    verdict: (replica) => `{${prefix}:replicas}:verdict:${replica}`,
    taskList: (task) => `${online(task)}:q`,
    replicaList: (task, replica) => `${online(task)}:r:${replica}`,
    control: (replica) => `{${prefix}:replica:${replica}}:control`,
    replies: (api) => `{${prefix}:api:${api}}:replies`,
  };
}
