/**
 * What a program works in, made ready for one attempt: its folder with input files and restored checkpoint, its
 * variables, and who looks after its output, its checkpoints and its limits.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../src/runtime/clock.ts";
import { inheritedEnvironment } from "../../src/runtime/config.ts";
import { isProgram } from "../../src/tasks/define.ts";
import { loadTasks } from "../../src/tasks/load-tasks.ts";
import { NotRetryable } from "../../src/tasks/outcome.ts";
import type { ProgramTask } from "../../src/tasks/program/define-program.ts";
import { NotExpandable, type StartKind } from "../../src/tasks/program/expand.ts";
import { parseProgramInput } from "../../src/tasks/program/input-schema.ts";
import { type ProgramUser, userOf } from "../../src/tasks/program/program-user.ts";
import type { KeeperLink } from "../runner/keeper-link.ts";
import type { RunnerAssignment } from "../runner/protocol.ts";
import { CheckpointFiles } from "./checkpoint-files.ts";
import { CheckpointMaker } from "./checkpoint-maker.ts";
import { environmentOf } from "./environment.ts";
import { lookAround } from "./folder-look.ts";
import { InputFolder } from "./input-folder.ts";
import { LimitWatch } from "./limit-watch.ts";
import { OutputReader } from "./output-reader.ts";
import { demandEntry, giveTo } from "./ownership.ts";
import { MatchWatch } from "./match-watch.ts";
import type { ProcessTree } from "./process-tree.ts";
import { note, UnfitWorker } from "./program-fault.ts";
import { layOut, oldestMsOf, readProgramState } from "./program-state.ts";
import { ProgramGroup } from "./program-group.ts";
import { type Resolved, resolveProgram, scopeOf } from "./resolve.ts";
import { Unkept } from "./unkept.ts";

export interface WorkshopOptions {
  readonly assignment: RunnerAssignment;
  readonly link: KeeperLink;
  readonly clock: Clock;
  /** The working folder, empty. */
  readonly folder: string;
  readonly tree: ProcessTree;
}

export interface Workshop {
  readonly resolved: Resolved;
  /** Whom it runs as; null: as this process. */
  readonly user: ProgramUser | null;
  /** As the attempt began. */
  readonly environment: Readonly<Record<string, string>>;
  /** Makes the folder ready for one more start. @returns the program's variables */
  readonly renew: (kind: StartKind) => Promise<Readonly<Record<string, string>>>;
  readonly reader: OutputReader;
  readonly maker: CheckpointMaker | null;
  /** The control group of the program alone; null: it needs none, or there can be none. */
  readonly group: ProgramGroup | null;
  readonly limits: LimitWatch;
  readonly unkept: Unkept | null;
  /** Null: there is nothing to say. */
  readonly matches: MatchWatch | null;
}

/** @throws Error of any kind: `program-fault.ts` tells what it means */
export async function prepareWorkshop(options: WorkshopOptions): Promise<Workshop> {
  const { assignment, link, clock, folder, tree } = options;
  const { job, attempt, fence, cgroup } = assignment;
  const task = await findProgram(assignment);
  const parsed = parseProgramInput(task.input, JSON.parse(assignment.input));
  if (parsed.kind === "refused") throw new NotExpandable(parsed.detail);
  const definition = task.program;
  const startKind = assignment.restored === null ? "start" : "resume";
  const resolved = resolveProgram(definition, parsed.value, { job, attempt, fence, folder, startKind });
  const temporary = join(folder, "..", "temporary");
  await mkdir(temporary, { recursive: true });
  const user = await userOf(task).catch((error: unknown) => {
    throw new UnfitWorker(`user: ${error instanceof Error ? error.message : String(error)}`);
  });
  if (user !== null) await demandEntry(user, folder);
  const environmentAt = (kind: StartKind): Record<string, string> =>
    environmentOf(definition, scopeOf(resolved, kind), { own: inheritedEnvironment(), temporary, user });
  const state = assignment.restored === null ? null : await readProgramState(assignment.restored);
  const { patterns } = resolved;
  const files = patterns === null ? null : new CheckpointFiles(folder, patterns);
  const inputs = new InputFolder({
    files: definition.files,
    folder,
    here: definition.here,
    scopeOf: (kind) => scopeOf(resolved, kind),
    oldestMs: state === null ? null : oldestMsOf(state),
    isOfCheckpoint: (name) => files?.covers(name) === true,
    artifact: async (wanted) => {
      const answer = await link.ask({ kind: "artifact", ...wanted });
      if (answer.kind === "file") return answer.path;
      if (answer.kind === "trouble" && answer.why === "absent") throw new NotRetryable(answer.message);
      throw new Error(answer.kind === "trouble" ? answer.message : "no answer");
    },
  });
  await inputs.layOut(startKind, new Set(state?.files.map(({ name }) => name)));
  if (state !== null && assignment.restored !== null) await layOut(state, assignment.restored, folder);
  if (user !== null) for (const place of [folder, temporary]) await giveTo(user, place);
  const environment = environmentAt(startKind);
  const renew: Workshop["renew"] = async (kind) => {
    if ((await inputs.renew(kind)) > 0 && user !== null) await giveTo(user, folder);
    return environmentAt(kind);
  };
  const reader = new OutputReader(resolved, state?.progress ?? null);
  const contract = definition.checkpoint;
  const group = resolved.written.by === "always" ? ProgramGroup.create(cgroup) : null;
  const maker =
    contract === undefined || files === null
      ? null
      : new CheckpointMaker({
          contract,
          files,
          resolved,
          folder,
          shelf: join(folder, "..", "shelf"),
          environment,
          tree,
          group,
          user,
          clock,
          progress: () => reader.progress,
          note,
          onOffer: () => link.say({ kind: "offer" }),
          onCopying: (copy) => link.say({ kind: "copying", copy }),
          onDropped: (message) => link.say({ kind: "dropped", message }),
        });
  const { limits } = definition;
  const watch = new LimitWatch({ limits, folder, cgroup, beginMs: clock.monotonicMs() });
  const isAsked = contract?.trigger !== undefined;
  const unkept = files === null ? null : new Unkept({ folder, covers: (name) => files.covers(name), note });
  const matches =
    files === null || isAsked
      ? null
      : new MatchWatch({
          files,
          hasMatched: () => maker?.hasMatched === true,
          unwritten: () => maker?.unwritten ?? null,
          names: () => lookAround(folder).map(({ name }) => name),
          beginMs: clock.monotonicMs(),
          note,
          onDropped: (message) => link.say({ kind: "dropped", message }),
        });
  return { resolved, user, environment, renew, reader, maker, group, limits: watch, unkept, matches };
}

async function findProgram({ builtins, taskModules, task, checkpointVersion }: RunnerAssignment): Promise<ProgramTask> {
  const found = (await loadTasks({ builtins, modules: taskModules })).get(task);
  if (found === undefined || !isProgram(found)) throw new UnfitWorker(`there is no program "${task}" here`);
  const { version } = found.checkpoint;
  if (version === checkpointVersion) return found;
  throw new UnfitWorker(`program "${task}" is here at checkpoint version ${version}, not ${checkpointVersion}`);
}
