/** All that users of Cairn import. */
export { z } from "zod";
export { defineBatch, defineOnline, done, more } from "./tasks/define.ts";
export type { Backoff, BatchTask, CheckpointPolicy, Done, Json, OnlineTask, StepResult, Task } from "./tasks/define.ts";
export type { BatchContext, CheckpointView, OnlineContext, TaskContext, TaskLog } from "./tasks/context.ts";
export { InputRefused, NotRetryable, RetryAfter } from "./tasks/outcome.ts";
