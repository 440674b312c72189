/**
 * Every error a caller can get, once: its code, the usual HTTP status, a title, what to do next, and whether asking
 * again can help. Codes are stable and never reused.
 */
interface ErrorEntry {
  readonly status: number;
  readonly title: string;
  /** What the caller can do about it. */
  readonly hint: string;
  /** May the very same call succeed later? */
  readonly retryable: boolean;
}

const entry = (status: number, title: string, hint: string): ErrorEntry => ({ status, title, hint, retryable: false });
const passing = (status: number, title: string, hint: string): ErrorEntry => ({ status, title, hint, retryable: true });

export const ERROR_CODES = {
  invalid_json: entry(
    400,
    "The body is not the JSON that is wanted",
    "Send the JSON that the route takes; `detail` says what is wrong with it.",
  ),
  invalid_request: entry(
    400,
    "The request is not well-formed",
    "See `errors` for each field, and GET /openapi.json for the shape.",
  ),
  invalid_input: entry(
    400,
    "The input does not fit the task's schema",
    "See `errors`; GET /v1/tasks/{task} shows the schema.",
  ),
  invalid_cursor: entry(
    400,
    "The cursor is not one of ours",
    "Take `nextCursor` from the previous page, with the same filters.",
  ),
  invalid_idempotency_key: entry(
    400,
    "The Idempotency-Key is not usable",
    "Send 1 to 255 printable ASCII characters, in quotes or without.",
  ),
  invalid_deadline: entry(
    400,
    "The time limit is not usable",
    "Send Request-Timeout-Ms as a whole number of milliseconds from 1 to 60000; with Prefer: respond-async to 600000.",
  ),
  malformed_http: entry(400, "This is not HTTP", "Send an HTTP/1.1 request; `detail` says where the parser gave up."),
  forbidden_origin: entry(
    403,
    "Not from another site's page",
    "A browser may change something here only from this API's own pages; programs send neither Origin nor Sec-Fetch-Site.",
  ),
  not_found: entry(404, "There is no such route", "GET /openapi.json lists the routes."),
  unknown_task: entry(
    404,
    "No worker has registered this task",
    "GET /v1/tasks lists the known ones; a worker registers its tasks when it starts.",
  ),
  unknown_job: entry(
    404,
    "There is no such job",
    "It may have been deleted after its retention time; GET /v1/jobs lists those that exist.",
  ),
  unknown_array: entry(
    404,
    "There is no such array",
    "It goes with its last element; GET /v1/arrays lists those that exist.",
  ),
  unknown_schedule: entry(404, "There is no such schedule", "GET /v1/schedules lists them."),
  unknown_worker: entry(404, "There is no such worker", "GET /v1/workers lists them."),
  unknown_checkpoint: entry(
    404,
    "There is no such checkpoint",
    "GET /v1/jobs/{id}/checkpoints lists those that are kept.",
  ),
  unknown_artifact: entry(
    404,
    "There is no such artifact",
    "GET /v1/jobs/{id}/artifacts lists those that are committed.",
  ),
  method_not_allowed: entry(405, "This route does not take this method", "See the Allow header."),
  not_acceptable: entry(406, "The answer cannot be given in the form asked for", "Accept application/json."),
  request_timeout: passing(408, "The request did not arrive in time", "Send the whole request without long pauses."),
  illegal_transition: entry(
    409,
    "Not possible in the job's present state",
    "`detail` says what it can be asked for in this state.",
  ),
  wrong_class: entry(
    409,
    "This call is for the other class of task",
    "Submit batch tasks to POST /v1/jobs; only online tasks can be invoked.",
  ),
  dependency_failed: entry(
    409,
    "A job it waits for did not succeed",
    "Retry that one (`dependency`): it revives the jobs that wait for it.",
  ),
  not_final: entry(409, "The job has not come to its end", "Cancel it first, or wait for it."),
  forked: entry(
    409,
    "A fork stands on one of its checkpoints",
    "Delete it when the fork has made checkpoints of its own, or has been deleted.",
  ),
  needed: entry(
    409,
    "An unfinished job names it",
    "Wait for the end of the job that is named here, or cancel it: until then it may need the output, the artifacts or a checkpoint of this one.",
  ),
  idempotency_in_progress: passing(
    409,
    "The first request with this Idempotency-Key is still being answered",
    "Ask again as Retry-After says; the answer will be the same.",
  ),
  job_cancelled: entry(409, "The job was cancelled", "POST /v1/jobs/{id}/retry runs it after all."),
  payload_too_large: entry(
    413,
    "The body is larger than allowed",
    "GET /v1/limits tells the limits; pass large data by reference.",
  ),
  unsupported_media_type: entry(
    415,
    "The body is not of a media type this route takes",
    "Send Content-Type: application/json.",
  ),
  expectation_failed: entry(417, "The Expect header asks for something unknown", "Leave it out, or send 100-continue."),
  unknown_host: entry(
    421,
    "This API does not answer under that name",
    "Use localhost or an IP address, or set CAIRN_PUBLIC_URL to the address that clients use.",
  ),
  headers_too_large: entry(431, "The request's headers are too large", "Keep URL and headers below 16 KiB together."),
  input_refused: entry(422, "The task refused the input", "`detail` is the task's own word."),
  unknown_dependency: entry(
    422,
    "A job to wait for does not exist",
    "Name jobs or arrays that are kept; within a bulk, the `key` of another item. `errors` says which it is.",
  ),
  dependency_cycle: entry(
    422,
    "Jobs of the bulk wait for each other in a circle",
    "`detail` names the circle; cut it.",
  ),
  idempotency_key_reused: entry(
    422,
    "This Idempotency-Key was used for another request",
    "Use a new key for a new request.",
  ),
  over_share: passing(
    429,
    "The caller has more than its share under way",
    "Send fewer at a time; RateLimit-Policy tells the share, Retry-After when to ask again. Cairn-Caller tells callers apart.",
  ),
  internal: passing(500, "A fault in Cairn", "It is logged with the request's id; please report it."),
  quarantined: entry(
    502,
    "The job ended several workers in a row",
    "Read the log of the attempts that `detail` names: memory is the usual cause. When it is mended, retry the job.",
  ),
  task_failed: passing(
    502,
    "The task failed",
    "`detail` is the task's own message; the attempts of the job tell each try.",
  ),
  invalid_output: entry(
    502,
    "The task's output does not fit its own schema",
    "Mend the task; its log has the details.",
  ),
  outcome_unknown: entry(
    503,
    "It is not known whether it happened",
    "Look the id up before asking again; with an Idempotency-Key asking again is safe.",
  ),
  redis_unavailable: passing(503, "Redis does not answer", "Nothing was accepted. Ask again as Retry-After says."),
  store_unavailable: passing(
    503,
    "The checkpoint store does not answer",
    "Ask again as Retry-After says; `cairn doctor` on the server tells more.",
  ),
  no_worker: passing(
    503,
    "No live worker has this task",
    "Start a worker that has it; GET /v1/workers shows who is there.",
  ),
  no_capacity: passing(
    503,
    "The replicas are busy for longer than the request may wait",
    "It was not started. Ask again as Retry-After says, allow more time with Request-Timeout-Ms, or add replicas.",
  ),
  shutting_down: passing(503, "This API process is going away", "Ask again: another one answers."),
  deadline_exceeded: passing(
    504,
    "Not answered within the deadline",
    "Allow more time with Request-Timeout-Ms, or look why it is slow.",
  ),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;
