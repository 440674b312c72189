/**
 * A small agent for tests of the keeper: forks the real keeper, hands it the assignment, answers its requests. It
 * plays the part of Redis too, by the same rules: a commit is granted to the attempt in force, in sequence.
 */
import { fork, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { NO_STORE_ACCESS, openStore, readLog, type CheckpointStore } from "../../src/checkpoints/checkpoints.ts";
import type {
  Assignment,
  AttemptEnd,
  Candidate,
  CommitRequest,
  FromKeeper,
  KeeperReply,
  KeeperRequest,
  ToKeeper,
} from "../../workers/keeper/protocol.ts";
import { machineMs } from "../../workers/keeper/lease-touch.ts";
import { eventually } from "./eventually.ts";

const ROOT = new URL("../../", import.meta.url);

/** What may differ from test to test; everything else has a default. */
export type Wishes = Partial<Omit<Assignment, "job" | "attempt" | "fence" | "candidates" | "nextSeq">>;

/** A job, its store and what has been committed of it, over several attempts. */
export class TestJob {
  readonly id: string;
  readonly root: string;
  readonly store: CheckpointStore;
  readonly commits: CommitRequest[] = [];
  readonly setAside: number[] = [];
  readonly ends: AttemptEnd[] = [];
  readonly attempts: TestAttempt[] = [];
  readonly wishes: Wishes;

  private constructor(id: string, root: string, wishes: Wishes) {
    this.id = id;
    this.root = root;
    this.wishes = wishes;
    this.store = openStore(`file:${join(root, "store")}`);
  }

  /** @param id default: one of its own */
  static async create(wishes: Wishes = {}, id = `01h${randomBytes(12).toString("hex").slice(1)}`): Promise<TestJob> {
    return new TestJob(id, await mkdtemp(join(tmpdir(), "cairn-keeper-")), wishes);
  }

  /** The committed lineage, newest first, without what was set aside. */
  get candidates(): Candidate[] {
    return this.commits
      .filter(({ seq }) => !this.setAside.includes(seq))
      .map(({ seq, parent, manifest, manifestSha256 }) => ({ seq, parent, job: this.id, manifest, manifestSha256 }))
      .reverse();
  }

  attempt(wishes: Wishes = {}): TestAttempt {
    const attempt = new TestAttempt(this, { ...this.wishes, ...wishes });
    this.attempts.push(attempt);
    return attempt;
  }

  /** The whole log of an attempt. */
  async log(attempt: number): Promise<string> {
    let text = "";
    for (let offset = 0; ;) {
      const part = await readLog(this.store, this.id, attempt, offset);
      if (part.nextOffset === offset) return text;
      text += Buffer.from(part.bytes).toString();
      offset = part.nextOffset;
    }
  }

  async names(prefix = ""): Promise<string[]> {
    const names: string[] = [];
    for await (const name of this.store.list(`jobs/${this.id}/${prefix}`)) names.push(name);
    return names;
  }

  /** Ends what is left, and checks that a keeper that ended in order left nothing behind. */
  async close(): Promise<void> {
    for (const attempt of this.attempts) await attempt.close();
    await rm(this.root, { recursive: true, force: true });
  }
}

type Answering = (request: KeeperRequest) => KeeperReply | null;

export class TestAttempt {
  readonly assignment: Assignment;
  readonly messages: FromKeeper[] = [];
  readonly requests: KeeperRequest[] = [];
  readonly exited: Promise<void>;
  readonly keeper: ChildProcess;
  readonly #job: TestJob;
  /** Answers before the usual rules do; null: by the usual rules. */
  answering: Answering = () => null;

  constructor(job: TestJob, wishes: Wishes) {
    this.#job = job;
    const number = job.attempts.length + 1;
    this.assignment = {
      task: "count",
      runs: "steps",
      nice: 0,
      checkpointVersion: 1,
      input: "{}",
      traceparent: null,
      array: null,
      round: 0,
      submission: { task: "count", input: "{}" },
      worker: "w1",
      zone: "",
      intervalMs: 200,
      minIntervalMs: 100,
      maxIntervalMs: 60_000,
      checkpointCost: null,
      mtbfMs: null,
      deadlineInMs: null,
      effects: "none",
      confirmedMs: machineMs(),
      timeoutMs: null,
      logBytes: 1_000_000,
      outputBytes: 1_048_576,
      storeUrl: job.store.url,
      storeAccess: NO_STORE_ACCESS,
      storeId: null,
      storePatienceMs: 60_000,
      workFolder: join(job.root, `work-${number}`),
      taskModules: [],
      builtins: "on",
      faults: "",
      logLevel: process.env["CAIRN_TEST_LOG"] ?? "fatal",
      ...wishes,
      job: job.id,
      attempt: number,
      fence: { generation: 1, counter: number, token: `token${number}` },
      candidates: job.candidates,
      nextSeq: (job.commits.at(-1)?.seq ?? 0) + 1,
    };
    this.keeper = fork(fileURLToPath(new URL("dist/workers/keeper/main.js", ROOT)), [], {
      detached: true,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.exited = once(this.keeper, "exit").then(() => undefined);
    this.keeper.on("message", (message) => this.#take(message as FromKeeper));
    this.tell({ kind: "assignment", assignment: this.assignment });
  }

  tell(order: ToKeeper): void {
    // One that has just died is seen by its exit.
    if (this.keeper.connected) this.keeper.send(order, () => undefined);
  }

  get runnerPid(): number | null {
    const said = this.messages.find((message) => message.kind === "runner");
    return said?.pid ?? null;
  }

  get restoredFrom(): number | null | undefined {
    return this.messages.find((message) => message.kind === "restored")?.seq;
  }

  get progress(): number[] {
    return this.messages.flatMap((message) => (message.kind === "progress" ? [message.progress.completed] : []));
  }

  get end(): AttemptEnd | null {
    const asked = this.requests.find((request) => request.kind === "end");
    return asked?.end ?? null;
  }

  async until(label: string, holds: () => boolean): Promise<void> {
    await eventually(label, holds, { withinMs: 60_000 }); // The runner is the last to get the processor.
  }

  /** Until the keeper has exited; then nothing of the attempt may be left. */
  async over(): Promise<AttemptEnd | null> {
    await this.exited;
    await this.nothingRuns();
    const left = await readdir(this.#job.root);
    if (left.includes(basename(this.assignment.workFolder))) throw new Error("the keeper left its folder behind");
    return this.end;
  }

  /** Until no process of the runner's group is left. */
  async nothingRuns(): Promise<void> {
    const group = this.runnerPid;
    if (group === null) return;
    await eventually("the runner's group is gone", async () => (await groupMembers(group)).length === 0);
  }

  /** SIGKILL to the keeper, which takes all of the attempt with it. */
  async killKeeper(): Promise<void> {
    this.keeper.kill("SIGKILL");
    await this.exited;
    await this.nothingRuns();
  }

  /** The machine under it is gone: everything at once. */
  async killMachine(): Promise<void> {
    process.kill(this.runnerPid!, "SIGKILL");
    await this.killKeeper();
  }

  async close(): Promise<void> {
    this.keeper.kill("SIGCONT");
    this.keeper.kill("SIGKILL");
    await this.exited;
    if (this.runnerPid === null) return;
    try {
      process.kill(-this.runnerPid, "SIGKILL");
    } catch {
      // Gone, as it should be.
    }
  }

  #take(message: FromKeeper): void {
    this.messages.push(message);
    if (message.kind !== "request") return;
    this.requests.push(message.request);
    const reply = this.answering(message.request) ?? this.#reply(message.request);
    this.tell({ kind: "reply", id: message.id, reply });
  }

  #reply(request: KeeperRequest): KeeperReply {
    const job = this.#job;
    if (job.attempts.at(-1) !== this) return { kind: "refused", detail: "the lease is another's" };
    switch (request.kind) {
      case "verify":
        return request.fault === undefined ? { kind: "ok" } : { kind: "ok", final: false };
      case "commit": {
        if (request.checkpoint.seq !== (job.commits.at(-1)?.seq ?? 0) + 1)
          return { kind: "refused", detail: "sequence" };
        job.commits.push(request.checkpoint);
        const manifests = job.candidates.map(({ manifest }) => manifest);
        return { kind: "ok", kept: manifests.slice(0, 2), garbage: manifests.slice(2, 3) };
      }
      case "set_aside":
        job.setAside.push(request.seq);
        return { kind: "ok" };
      case "dropped":
        return { kind: "ok" };
      case "end":
        job.ends.push(request.end);
        return { kind: "ok" };
      case "latest": {
        const latest = job.commits.at(-1);
        if (latest === undefined || request.job !== job.id) return { kind: "ok", latest: null };
        const { seq, manifest, manifestSha256, progress } = latest;
        return { kind: "ok", latest: { seq, manifest, manifestSha256, progress: progress?.completed ?? null } };
      }
      case "parents":
        return { kind: "ok", parents: [] };
      case "artifact": {
        const { artifacts } = [...job.ends].reverse().find((end) => end.kind === "succeeded") ?? { artifacts: [] };
        const found = request.job === job.id ? artifacts.find(({ name }) => name === request.name) : undefined;
        return { kind: "ok", artifact: found ?? null };
      }
    }
  }
}

/** The processes of a group, but for those that have ended and not been reaped. */
export async function groupMembers(group: number): Promise<number[]> {
  const members: number[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const text = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
    const [state, , pgrp] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (Number(pgrp) === group && state !== "Z") members.push(Number(pid));
  }
  return members;
}
