-- What people ask of a job.
-- KEYS: root tag
-- ARGV: id, verb, by, notAfter, grace (ms), from (retry: start | last | seq)
-- Returns {'accepted', ticket | ''} | {'unchanged'} | {'illegal', state} | {'not_found'} | {'unknown_checkpoint'} | {'too_late'}
--         | {'dependency_failed', the job or array it waits for}
-- @include graph
local id, verb, by, not_after, grace, from = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local at = now_ms()
if at > not_after then return { 'too_late' } end
local job = load(id)
if not job then return { 'not_found' } end
local state, leased = job.state, job.state == 'running' or job.state == 'stopping'
-- An online request has no checkpoint to make, to stop at or to move with. Whoever sees to it hears of a cancel as an event.
local online = job.class == 'online'
if online and (verb == 'checkpoint' or verb == 'migrate' or (verb == 'stop' and leased)) then return { 'illegal', 'online' } end

local function wake()
  if online then return end
  redis.call('LPUSH', key('wake', job.worker), id)
  redis.call('LTRIM', key('wake', job.worker), 0, 63)
  redis.call('PEXPIRE', key('wake', job.worker), 60000)
end

local function ask(intent, stop_reason)
  if state == 'stopping' and INTENTS[job.intent] and INTENTS[job.intent] >= INTENTS[intent] then return { 'unchanged' } end
  local reason = { yield = 'migrating', stop = 'stop_requested', cancel = 'cancel_requested' }
  move(id, job, 'ask', { intent = intent, reason = reason[intent], stopGraceMs = grace, stopReason = stop_reason, stopAskedAt = at },
    at, 'stopping', { intent = intent, by = by })
  wake()
  return { 'accepted', '' }
end

if verb == 'stop' then
  if leased then return ask('stop', '') end
  if state == 'stopped' then return { 'unchanged' } end
  if move(id, job, 'stop', { reason = 'stopped_by_request' }, at, 'stopped', { by = by }) then return { 'accepted', '' } end
elseif verb == 'cancel' then
  if leased then return ask('cancel', '') end
  if state == 'cancelled' then return { 'unchanged' } end
  if move(id, job, 'cancel', { reason = 'cancelled_by_request' }, at, 'cancelled', { by = by }) then return { 'accepted', '' } end
elseif verb == 'migrate' then
  if state == 'stopping' and job.intent == 'yield' then return { 'unchanged' } end
  if state == 'running' then
    keep_apart(id, job, at)
    return ask('yield', 'migrating')
  end
elseif verb == 'checkpoint' then
  if state == 'running' then
    patch_record(id, job, { checkpointRequest = tonumber(job.checkpointRequest) + 1 })
    emit(id, job, at, 'checkpoint_requested', { by = by })
    wake()
    return { 'accepted', '' }
  end
elseif verb == 'resume' then
  if state == 'queued' or state == 'scheduled' or state == 'running' or state == 'blocked' then return { 'unchanged' } end
  if state == 'stopped' then
    local waiting, culprit = reassess(id, job)
    if culprit then return { 'dependency_failed', culprit } end
    if waiting > 0 then
      move(id, job, 'block', { reason = 'waiting_for_jobs' }, at, 'resumed', { by = by })
      return { 'accepted', '' }
    end
    if job.runAt and job.runAt ~= '' and tonumber(job.runAt) > at then
      move(id, job, 'postpone', { reason = 'not_before', dueAt = job.runAt }, at, 'resumed', { by = by })
      return { 'accepted', '' }
    end
    move(id, job, 'resume', { reason = 'waiting_for_slot' }, at, 'resumed', { by = by })
    return { 'accepted', ticket(id, job) }
  end
elseif verb == 'retry' then
  if not FINAL[state] then
    if state == 'queued' and tonumber(job.round) > 0 then return { 'unchanged' } end
    return { 'illegal', state }
  end
  local waiting, culprit = reassess(id, job)
  if culprit then return { 'dependency_failed', culprit } end
  if waiting > 0 then
    local patch = { reason = 'waiting_for_jobs', round = tonumber(job.round) + 1, finishedAt = '', failedDependency = '' }
    if not move(id, job, 'revive', patch, at, 'retried', { by = by }) then return { 'illegal', state } end
    return { 'accepted', '' }
  end
  local patch = without_strikes({ reason = 'waiting_for_slot', released = 1, failedDependency = '', round = tonumber(job.round) + 1, retries = 0, output = '', error = '', finishedAt = '', worker = '', avoid = '' })
  if from == 'start' then
    patch.ckSeq, patch.ckAt, patch.ckBytes, patch.ckProgress, patch.ckManifest, patch.ckSha, patch.progress = '', '', '', '', '', '', ''
  elseif from ~= 'last' then
    local raw = redis.call('HGET', key('checkpoints', id), from)
    local checkpoint = raw and cjson.decode(raw)
    if not checkpoint or checkpoint.state ~= 'committed' then return { 'unknown_checkpoint' } end
    local progress = checkpoint.progress
    if progress == cjson.null or progress == nil then progress = '' end
    patch.ckSeq, patch.ckAt, patch.ckBytes, patch.ckProgress = checkpoint.seq, checkpoint.at, checkpoint.bytes, progress
    patch.ckManifest, patch.ckSha = checkpoint.manifest, checkpoint.manifestSha256
  end
  if online then
    patch.deadlineAt, patch.sending, patch.shelf = at + tonumber(job.deadlineMs), '', 'finals-online'
    redis.call('ZREM', shelf(job), id)
  end
  move(id, job, 'retry', patch, at, 'retried', { by = by, from = from })
  return { 'accepted', ticket(id, job) }
end
return { 'illegal', state }
