/** Both ends of the online path. What other folders may use of it. */
export { OnlineCoordinator, type OnlineCoordinatorOptions } from "./coordinator.ts";
export type { GateView } from "./admission.ts";
export type { ReplicaView } from "./replica-directory.ts";
export type {
  AttemptReason,
  AttemptTrace,
  BeforeSend,
  DefinitionChoice,
  InvocationLease,
  InvokeOutcome,
  InvokeRequest,
} from "./invocation.ts";
export type { TaskHealth } from "./health-counts.ts";
export type { InvocationHandle } from "./invocation-handle.ts";
export type { LeftAnswer, LeftOutcome } from "./left-answer.ts";
export type { OnlineCounts } from "./invocation-table.ts";
export type { ServedTask } from "./attempt-run.ts";
export { OnlineServer, type OnlineServerOptions } from "./server.ts";
