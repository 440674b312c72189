/** All that users of Cairn import. */
export { z } from "zod";
export { defineBatch, defineOnline, done, more } from "./tasks/define.ts";
export type { Backoff, BatchTask, CheckpointPolicy, Done, Json, OnlineTask, StepResult, Task } from "./tasks/define.ts";
export { defineProgram, type ProgramOptions, type ProgramTask } from "./tasks/program/define-program.ts";
export type {
  BatchContext,
  CheckpointView,
  DependencyResult,
  OnlineContext,
  TaskContext,
  TaskLog,
} from "./tasks/context.ts";
export { InputRefused, NotRetryable, Overloaded, RetryAfter } from "./tasks/outcome.ts";
export { CairnClient } from "./client/client.ts";
export type {
  CairnClientOptions,
  ControlOptions,
  ControlVerb,
  InvokeOptions,
  JobFilter,
  LogOptions,
  Ordered,
  RetryOptions,
  Submission,
  SubmitOptions,
  WaitOptions,
  WorkerOrder,
} from "./client/options.ts";
export { CairnProblem, CairnTimeout, CairnUnreachable } from "./client/fault.ts";
export type { Page, PageRequest } from "./client/pages.ts";
export type { Artifact, Attempt, Checkpoint, Job, JobEventView, SubmitRequest } from "./contract/job.ts";
export type { Problem } from "./contract/problem.ts";
export type { SlowRequest } from "./contract/slow.ts";
export type { TaskView, Worker } from "./contract/worker.ts";
