/** A job of one of the programs of a file, default that in `test/support/programs`, under a real keeper. */
import { fileURLToPath } from "node:url";
import { storeNames } from "../../src/checkpoints/checkpoints.ts";
import type { CommitRequest } from "../../workers/keeper/protocol.ts";
import { keepPrograms } from "../../src/tasks/program/programs-file.ts";
import { TestJob, type TestAttempt, type Wishes } from "./keeper-agent.ts";

const PROGRAMS = fileURLToPath(new URL("programs/programs.yaml", import.meta.url));

/** ms a step, of an attempt that is to be interrupted: on a busy machine too it must still be at it then. */
const SLOW_STEP_MS = 75;

export class ProgramJob {
  readonly #job: TestJob;
  readonly #input: object;

  private constructor(job: TestJob, input: object) {
    this.#job = job;
    this.#input = input;
  }

  /**
   * @param wishes.kept a folder for programs that were read
   * @param wishes.file another programs file
   */
  static async create(
    task: string,
    input: object,
    { kept, file = PROGRAMS, ...wishes }: Wishes & { readonly kept: string; readonly file?: string },
  ): Promise<ProgramJob> {
    const taskModules = await keepPrograms([file], kept);
    const job = await TestJob.create({ task, runs: "program", input: JSON.stringify(input), taskModules, ...wishes });
    return new ProgramJob(job, input);
  }

  /** Where its attempts work. */
  get root(): string {
    return this.#job.root;
  }

  get commits(): readonly CommitRequest[] {
    return this.#job.commits;
  }

  attempt(wishes: Wishes = {}): TestAttempt {
    return this.#job.attempt(wishes);
  }

  /** Of a program whose input says how long a step takes: with time to interrupt it. */
  slowAttempt(): TestAttempt {
    return this.#job.attempt({ input: JSON.stringify({ ...this.#input, stepMs: SLOW_STEP_MS }) });
  }

  /** Loses its machine in the middle. @returns the last checkpoint before, and the attempt that goes on elsewhere */
  async loseMachine(): Promise<{ readonly last: number; readonly next: TestAttempt }> {
    const first = this.slowAttempt();
    await first.until("two checkpoints", () => this.commits.length >= 2);
    await first.killMachine();
    return { last: this.commits.at(-1)!.seq, next: this.attempt() };
  }

  log(attempt: number): Promise<string> {
    return this.#job.log(attempt);
  }

  /** An artifact of the attempt that succeeded, as text. */
  async artifact(name: string): Promise<string> {
    const end = this.#job.ends.find(({ kind }) => kind === "succeeded");
    if (end?.kind !== "succeeded") throw new Error(`it ended so: ${JSON.stringify(this.#job.ends)}`);
    const entry = end.artifacts.find((artifact) => artifact.name === name);
    if (entry === undefined) throw new Error(`it has no artifact ${name}`);
    const content = await this.#job.store.get(storeNames.artifactName(this.#job.id, name, entry.sha256));
    const pieces: Buffer[] = [];
    if (content !== null) for await (const piece of content) pieces.push(piece as Buffer);
    return Buffer.concat(pieces).toString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#job.close();
  }
}
