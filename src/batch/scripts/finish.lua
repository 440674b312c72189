-- Ends an attempt, and with it the job or not: the one place where an outcome becomes true.
-- KEYS: root tag
-- ARGV: id, generation, counter, token, kind (succeeded|failed|interrupted|runner_lost), output or error JSON, fault,
--       backoff (ms), progress JSON (or ""), reason for a requeue, account JSON (or ""), then artifact name, artifact JSON …
-- Returns {'ok', new state, ticket | ''} | {'refused'}
-- @include job
-- @include artifacts
local id, kind, payload, fault, backoff = ARGV[1], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local job = load(id)
if must_wait(job, ARGV[2], ARGV[3], ARGV[4]) then return { 'unsettled' } end
-- Said twice, because the first answer did not come: it is true already.
if job and job.endedToken == ARGV[4] then return { 'ok', job.state, '' } end
if not holds(id, job, ARGV[2], ARGV[3], ARGV[4]) then return { 'refused' } end
local at = now_ms()
local state
patch_record(id, job, { endedToken = ARGV[4] })
if ARGV[9] ~= '' then patch_record(id, job, { progress = ARGV[9] }) end
if ARGV[11] ~= '' then patch_record(id, job, { account = ARGV[11] }) end

if kind == 'succeeded' then
  close_attempt(id, job, at, 'succeeded', cjson.null)
  if job.intent == 'cancel' then
    state = move(id, job, 'drop', { reason = 'cancelled_by_request' }, at, 'cancelled')
  else
    for i = 12, #ARGV, 2 do name_artifact(id, ARGV[i], ARGV[i + 1]) end
    state = move(id, job, 'succeed', { reason = '', output = payload, error = '' }, at, 'succeeded')
  end
elseif kind == 'failed' then
  close_attempt(id, job, at, 'failed', fault)
  local retries = tonumber(job.retries) + 1
  local hopeless = { refused = 'input_refused', not_retryable = 'task_failed', checkpoints_unreadable = 'checkpoints_unreadable' }
  if job.intent == 'cancel' then
    state = move(id, job, 'drop', { reason = 'cancelled_by_request', error = payload }, at, 'cancelled')
  elseif hopeless[fault] then
    state = move(id, job, 'fail', { reason = hopeless[fault], error = payload, retries = retries }, at, 'failed')
  elseif retries > tonumber(job.maxRetries) then
    local reason = fault == 'timed_out' and 'timed_out' or 'retries_exhausted'
    state = move(id, job, 'fail', { reason = reason, error = payload, retries = retries }, at, 'failed')
  elseif job.intent == 'stop' then
    state = move(id, job, 'park', { reason = 'stopped_by_request', error = payload, retries = retries }, at, 'stopped')
  else
    keep_apart(id, job, at + tonumber(backoff))
    state = move(id, job, 'backoff', { reason = 'retry_backoff', error = payload, retries = retries, dueAt = at + tonumber(backoff) },
      at, 'retry_scheduled', { retry = retries, inMs = tonumber(backoff) })
  end
elseif kind == 'runner_lost' then
  count_loss(job.zone)
  close_attempt(id, job, at, 'lost', payload)
  strike(id, job, at, payload ~= '' and payload or 'runner_lost')
  state = let_go(id, job, at, 'runner_lost')
else -- interrupted: it let go as it was asked to, which is nobody's failure
  local why = ARGV[10]
  if job.intent == 'stop' then why = 'stop_requested' end
  if job.intent == 'cancel' then why = 'cancel_requested' end
  if job.stopReason and job.stopReason ~= '' then why = job.stopReason end
  -- Another worker may find what this one did not, have a disk that works, or reach the store.
  if why == 'checkpoint_missing' or why == 'disk_failed' or why == 'store_unavailable' then keep_apart(id, job, at) end
  close_attempt(id, job, at, 'interrupted', why)
  state = let_go(id, job, at, why)
end
return { 'ok', state, state == 'queued' and ticket(id, job) or '' }
