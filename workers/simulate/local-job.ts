/**
 * A job on this machine alone: real keepers and runners, a store in a folder, and an agent's part played in memory by
 * the same rules. No Redis, no API, no fleet.
 *
 * LJ1 One attempt at a time; what an earlier one still asks for is refused.
 * LJ2 What an attempt left in its folder is gone before the next begins: that goes on as on another machine.
 */
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import {
  NO_STORE_ACCESS,
  openStore,
  readLog,
  storeNames,
  type CheckpointStore,
} from "../../src/checkpoints/checkpoints.ts";
import { removeFolder } from "../../src/runtime/remove-folder.ts";
import { ended, killGroup, tell } from "../agent/children.ts";
import type {
  Assignment,
  AttemptEnd,
  CommitRequest,
  FromKeeper,
  KeeperReply,
  KeeperRequest,
  Progress,
  SucceededEnd,
} from "../keeper/protocol.ts";

import type { LocalArtifacts } from "./local-artifacts.ts";

const LONGEST_ARTIFACT = 64 * 2 ** 20;

/** What is the task's and the machine's; the rest is the attempt's. */
export type LocalAssignment = Omit<
  Assignment,
  | "job"
  | "attempt"
  | "fence"
  | "candidates"
  | "nextSeq"
  | "storeUrl"
  | "storeAccess"
  | "storeId"
  | "workFolder"
  | "round"
  | "submission"
>;

export interface LocalJobOptions {
  readonly id: string;
  /** Exists, for this alone. */
  readonly folder: string;
  readonly assignment: LocalAssignment;
  readonly artifacts: LocalArtifacts;
  readonly forkKeeper: () => ChildProcess;
  readonly onProgress: (progress: Progress) => void;
}

export class LocalJob {
  readonly commits: CommitRequest[] = [];
  readonly #options: LocalJobOptions;
  readonly #store: CheckpointStore;
  #attempts = 0;
  #keeper: ChildProcess | null = null;
  #runnerPid: number | null = null;
  #end: AttemptEnd | null = null;
  #onCommit: (() => void) | null = null;

  constructor(options: LocalJobOptions) {
    this.#options = options;
    this.#store = openStore(`file:${join(options.folder, "store")}`);
  }

  /** An artifact of its result; null: there is none of that name, or it is too long to be looked at. */
  async artifactOf({ artifacts }: SucceededEnd, name: string): Promise<Buffer | null> {
    const entry = artifacts.find((artifact) => artifact.name === name);
    if (entry === undefined || entry.bytes > LONGEST_ARTIFACT) return null;
    const content = await this.#store.get(storeNames.artifactName(this.#options.id, name, entry.sha256));
    const pieces: Buffer[] = [];
    for await (const piece of content ?? []) pieces.push(piece as Buffer);
    return content === null ? null : Buffer.concat(pieces);
  }

  /** Runs one attempt to its end. @returns null when its keeper died */
  async attempt(): Promise<AttemptEnd | null> {
    const { assignment, folder, forkKeeper, id } = this.#options;
    this.#attempts += 1;
    const attempt = this.#attempts;
    // What was just ended may still write into it for a moment.
    const left = join(folder, `work-${attempt - 1}`);
    await removeFolder(left).catch(() => removeFolder(left)); // LJ2
    this.#end = null;
    this.#runnerPid = null;
    const keeper = forkKeeper();
    this.#keeper = keeper;
    keeper.on("message", (message) => this.#take(keeper, message as FromKeeper));
    tell(keeper, {
      kind: "assignment",
      assignment: {
        ...assignment,
        job: id,
        attempt,
        round: 0,
        submission: { task: assignment.task, input: assignment.input },
        fence: { generation: 1, counter: attempt, token: `local${attempt}` },
        candidates: this.commits
          .map(({ seq, parent, manifest, manifestSha256 }) => ({ seq, parent, job: id, manifest, manifestSha256 }))
          .reverse(),
        nextSeq: this.commits.length + 1,
        storeUrl: this.#store.url,
        storeAccess: NO_STORE_ACCESS,
        storeId: null,
        workFolder: join(folder, `work-${attempt}`),
      },
    });
    await ended(keeper);
    if (this.#keeper === keeper) this.#keeper = null;
    this.#endRunner();
    return this.#end;
  }

  /** Asks the attempt under way to make its last checkpoint and let go. */
  stop(graceMs: number): void {
    if (this.#keeper !== null) tell(this.#keeper, { kind: "stop", intent: "stop", graceMs });
  }

  /** Kills all of the attempt under way, without warning. */
  kill(): void {
    this.#endRunner();
    this.#keeper?.kill("SIGKILL");
  }

  /** Resolves at the next checkpoint that is committed. */
  nextCommit(): Promise<void> {
    return new Promise((resolve) => (this.#onCommit = resolve));
  }

  /** The log of all attempts so far. */
  async log(): Promise<string> {
    let text = "";
    for (let attempt = 1; attempt <= this.#attempts; attempt += 1) {
      for (let offset = 0; ;) {
        const part = await readLog(this.#store, this.#options.id, attempt, offset);
        if (part.nextOffset === offset) break;
        text += Buffer.from(part.bytes).toString();
        offset = part.nextOffset;
      }
    }
    return text;
  }

  async #artifact(job: string, name: string): Promise<KeeperReply> {
    try {
      return await this.#options.artifacts.find(this.#store, job, name);
    } catch (error) {
      return { kind: "unreachable", detail: error instanceof Error ? error.message : String(error) };
    }
  }

  #endRunner(): void {
    if (this.#runnerPid !== null) killGroup(this.#runnerPid);
  }

  #take(keeper: ChildProcess, message: FromKeeper): void {
    switch (message.kind) {
      case "request":
        void this.#reply(keeper, message.request).then((reply) =>
          tell(keeper, { kind: "reply", id: message.id, reply }),
        );
        return;
      case "runner":
        this.#runnerPid = message.pid;
        return;
      case "progress":
        this.#options.onProgress(message.progress);
        return;
      default:
        return;
    }
  }

  /** Never rejects. */
  async #reply(keeper: ChildProcess, request: KeeperRequest): Promise<KeeperReply> {
    if (keeper !== this.#keeper) return { kind: "refused", detail: "the attempt is over" }; // LJ1
    switch (request.kind) {
      case "commit":
        this.commits.push(request.checkpoint);
        this.#onCommit?.();
        return { kind: "ok" };
      case "end":
        this.#end = request.end;
        return { kind: "ok" };
      case "verify":
        return request.fault === undefined ? { kind: "ok" } : { kind: "ok", final: false };
      case "latest":
        return { kind: "ok", latest: null };
      case "artifact":
        return this.#artifact(request.job, request.name);
      case "parents":
        return { kind: "ok", parents: [] };
      case "dropped":
        return { kind: "ok" };
      case "set_aside":
        return { kind: "refused", detail: "a checkpoint that was just written cannot be read" };
    }
  }
}
