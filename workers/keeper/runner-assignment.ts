/** What a runner is told of its assignment: nothing of Redis, and nothing of the store. */
import { fenceText } from "../../src/domain/fence.ts";
import type { RunnerAssignment } from "../runner/protocol.ts";
import type { Assignment } from "./protocol.ts";

export function runnerAssignment(
  {
    job,
    task,
    checkpointVersion,
    input,
    attempt,
    array,
    fence,
    traceparent,
    taskModules,
    builtins,
    outputBytes,
    nice,
  }: Assignment,
  places: Pick<RunnerAssignment, "restored" | "artifactFolder" | "mark" | "cgroup">,
): RunnerAssignment {
  return {
    job,
    task,
    checkpointVersion,
    input,
    attempt,
    array,
    fence: fenceText(fence),
    traceparent,
    taskModules,
    builtins,
    outputBytes,
    nice,
    ...places,
  };
}
