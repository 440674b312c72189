-- Creates a job, atomically with its idempotency key and its place among the jobs it waits for.
-- KEYS: root tag, idempotency key (or the root tag when there is none)
-- ARGV: id, notAfter (ms, Redis time), fingerprint ("" = no key), key ttl (ms), runAt (ms or ""), deadlineMs (or ""), then field, value …
--       `dependsOn` among the fields is JSON: [{job, onFailure}]
-- Returns {'created', ticket | '', {field, value …}} | {'replayed', id} | {'key_reused', id} | {'too_late'}
--         | {'unknown_dependency', index from 0}
-- @include graph
-- @include idempotency
local id, not_after, fingerprint, ttl, run_at, deadline_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local at = now_ms()
if at > not_after then return { 'too_late' } end

local answered = answer_of_key(KEYS[2], fingerprint, function() return false end)
if answered then return answered end
if redis.call('EXISTS', key('job', id)) == 1 then return { 'replayed', id } end

local job = {}
for i = 7, #ARGV, 2 do job[ARGV[i]] = ARGV[i + 1] end
local parents = job.dependsOn and job.dependsOn ~= '' and cjson.decode(job.dependsOn) or {}
for index, parent in ipairs(parents) do
  parent.verdict = verdict_of(parent.job)
  if not parent.verdict then return { 'unknown_dependency', index - 1 } end
end
if fingerprint ~= '' then redis.call('SET', KEYS[2], id .. ' ' .. fingerprint, 'PX', ttl) end
job.id = id
job.createdAt = at
job.stateAt = at
job.attempts, job.retries, job.round, job.strikes, job.ready = 0, 0, 0, 0, 0
job.nextSeq, job.fenceGeneration, job.fenceCounter, job.staleWritesRefused, job.checkpointRequest = 1, 0, 0, 0, 0
if deadline_ms ~= '' then
  job.deadlineAt = at + tonumber(deadline_ms)
  redis.call('ZADD', whole('deadlines'), job.deadlineAt, id)
end
-- A job is born where `stopped` leads to: the same two exits, so the table has no states of birth.
job.state = 'stopped'
local birth, patch = 'resume', { reason = 'waiting_for_slot' }
if run_at ~= '' and tonumber(run_at) > at then
  birth, patch = 'postpone', { reason = 'not_before', runAt = run_at, dueAt = run_at }
end
local flat = {}
for field, value in pairs(job) do
  flat[#flat + 1] = field
  flat[#flat + 1] = tostring(value)
  job[field] = tostring(value)
end
redis.call('HSET', key('job', id), unpack(flat))
for _, parent in ipairs(parents) do wait_for(id, parent.job, parent.onFailure, parent.verdict) end
local waiting, culprit = reassess(id, job)
if waiting > 0 or culprit then
  birth, patch = 'block', { reason = 'waiting_for_jobs', runAt = run_at }
else
  patch.released = 1
end
local state = move(id, job, birth, patch, at, 'submitted', nil, {})
if culprit then
  forbid(id, job, culprit, at)
  state = 'cancelled'
end
flat = {}
for field, value in pairs(job) do
  flat[#flat + 1] = field
  flat[#flat + 1] = value
end
return { 'created', state == 'queued' and ticket(id, job) or '', flat }
