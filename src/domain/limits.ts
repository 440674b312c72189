/** Limits that callers meet, published at GET /v1/limits. All can be configured. */
export const DEFAULT_LIMITS = {
  /** Input or output of one job kept inline, bytes. */
  inlineBytes: 1_048_576,
  /** Body of one request, bytes. */
  bodyBytes: 2_097_152,
  /** Body of one bulk submission, bytes. */
  bulkBytes: 67_108_864,
  /** Jobs in one bulk submission. */
  bulkItems: 100_000,
  /** Longest deadline of an online request, ms. */
  maxDeadlineMs: 60_000,
  /** Longest deadline of an online job, which nobody's connection waits for, ms. */
  maxAsyncDeadlineMs: 600_000,
  /** Longest `Prefer: wait`, ms. */
  maxWaitMs: 25_000,
  pageDefault: 50,
  pageMax: 500,
  idempotencyKeyTtlMs: 86_400_000,
  finalRecordTtlMs: 604_800_000,
  finalRecordCount: 100_000,
  /** Records of final online jobs: of those with a key or asked for asynchronously, and of failures without. */
  onlineRecordCount: 100_000,
  failureRecordCount: 10_000,
  finalCheckpointTtlMs: 3_600_000,
  logBytesPerAttempt: 10_485_760,
  eventsPerJob: 10_000,
  labelsPerJob: 16,
  /** Elements of one array. */
  arrayElements: 10_000,
  /** Jobs and arrays that one job waits for. */
  dependenciesPerJob: 250,
} as const;

export type Limits = { readonly [K in keyof typeof DEFAULT_LIMITS]: number };
