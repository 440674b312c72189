/** The face of batch work: what api, agents and the fleet use of it. */
export { adoptStore, type Adopting, type AdoptStoreOptions } from "./adopt-store.ts";
export { ArrayFiller, elementInput } from "./array-filler.ts";
export { ARRAY_VERBS, ArrayDesk, type ArrayOutcome, type ArrayVerb } from "./arrays.ts";
export { BatchCaretaker, queuesOf } from "./caretaker.ts";
export { Generation, settleGeneration } from "./generation.ts";
export {
  FleetStore,
  ForeignStore,
  readNote,
  type FleetStoreOptions,
  type StoreNote,
  type StoreStanding,
} from "./fleet-store.ts";
export { JobEventLog } from "./job-event-log.ts";
export { JobGraph } from "./job-graph.ts";
export type { JobFilter } from "./job-index.ts";
export { JobReader, type JobPage } from "./job-reader.ts";
export type { FencedReply } from "./fenced-reply.ts";
export {
  CONTROL_VERBS,
  JobWriter,
  type ControlOutcome,
  type ControlVerb,
  type NewJob,
  type PatchOutcome,
  type RemoveOutcome,
  type SubmitOutcome,
} from "./jobs.ts";
export {
  LeaseDesk,
  NOTHING_NEW,
  type AttemptReport,
  type EndOfAttempt,
  type Holder,
  type IntervalReport,
  type Lease,
  type LeaseOutcome,
  type ProgressReport,
  type Renewal,
  type Unusable,
} from "./lease-desk.ts";
export {
  OnlineDesk,
  retainOnline,
  type BeginOutcome,
  type NewOnlineJob,
  type OnlineAttempt,
  type OnlineEnding,
  type OnlineLease,
  type Urgency,
} from "./online-desk.ts";
export { QueueReader } from "./queue-reader.ts";
export {
  findLostJobs,
  rebuildJob,
  standsOnAnother,
  type ApplyOptions,
  type Found,
  type RebuildOptions,
  type RebuiltJob,
} from "./rebuild.ts";
export { writeMarks } from "./marks.ts";
export { costOf, submissionOf, toJob, type RawJob, type StoredCheckpoint } from "./record.ts";
export { deleteFilesOf, retain } from "./retention.ts";
export { readCron } from "./cron.ts";
export { ScheduleDesk, type SubmitScheduled } from "./schedules.ts";
export { loadBatchScripts, type BatchScripts } from "./scripts.ts";
export { FleetTime, toGoodput, type LossTimes } from "./time-spent.ts";
export { VoidLeases } from "./void-leases.ts";
export { queueName, TicketDrawer, TicketQueues, type DrawnTicket, type Ticket } from "./tickets.ts";
