-- Creates the record of an online request, atomically with its idempotency key, and leases it to whoever asks.
-- KEYS: root tag, idempotency key (or the root tag when there is none)
-- ARGV: id, notAfter (ms, Redis time), fingerprint ("" = no key), key ttl (ms), runAt (ms or ""), deadline (ms),
--       lease ('now' | 'in_turn' = unless others wait | 'no'), holder, token, most records on its shelf,
--       may a failed one be replaced ('1' or ""), ending JSON ("" = it goes on), then field, value …
-- Returns {'leased' | 'queued' | 'ended', {field, value …}} | {'replayed', id} | {'key_reused', id} | {'too_late'}
-- @include job
-- @include idempotency
-- @include online
local id, fingerprint, run_at, deadline_ms = ARGV[1], ARGV[3], ARGV[5], tonumber(ARGV[6])
local mode, holder, token, may_replace, ending = ARGV[7], ARGV[8], ARGV[9], ARGV[11], ARGV[12]
local at = now_ms()
if at > tonumber(ARGV[2]) then return { 'too_late' } end

-- What failed and may run again, or certainly did not run, is run anew by a repeat. The task's refusal stands.
local function replaces(other)
  local seen = redis.call('HMGET', key('job', other), 'state', 'reason', 'idempotent', 'ran')
  if may_replace == '' or (seen[1] ~= 'failed' and seen[1] ~= 'expired') or seen[2] == 'input_refused' then return false end
  return seen[3] == '1' or seen[4] ~= '1'
end
local answered = answer_of_key(KEYS[2], fingerprint, replaces)
if answered then return answered end
if redis.call('EXISTS', key('job', id)) == 1 then return { 'replayed', id } end
if fingerprint ~= '' then redis.call('SET', KEYS[2], id .. ' ' .. fingerprint, 'PX', ARGV[4]) end

local job = {}
for i = 13, #ARGV, 2 do job[ARGV[i]] = ARGV[i + 1] end
job.id, job.class, job.deadlineMs = id, 'online', deadline_ms
if not job.createdAt then job.createdAt = at end
job.stateAt = at
job.attempts, job.retries, job.round, job.strikes, job.ready = 0, 0, 0, 0, 0
job.fenceGeneration, job.fenceCounter, job.staleWritesRefused, job.checkpointRequest = 0, 0, 0, 0
local from = run_at ~= '' and math.max(tonumber(run_at), at) or tonumber(job.createdAt)
job.deadlineAt = from + deadline_ms
if fingerprint ~= '' then job.idempotencyKey = KEYS[2] end
job.state = 'stopped' -- as in `create.lua`: it is born by an exit of the table
local flat = {}
for field, value in pairs(job) do
  job[field] = tostring(value)
  flat[#flat + 1] = field
  flat[#flat + 1] = job[field]
end
redis.call('HSET', key('job', id), unpack(flat))
-- Whoever holds it ends it at its deadline; this is for when nobody does.
redis.call('ZADD', whole('deadlines'), job.deadlineAt + DEADLINE_SLACK, id)
evict(job.shelf, tonumber(ARGV[10]))

local outcome = 'queued'
if run_at ~= '' and tonumber(run_at) > at then
  move(id, job, 'postpone', { reason = 'not_before', runAt = run_at, dueAt = run_at }, at, 'submitted', job.by and { by = job.by } or nil, {})
else
  local first = mode == 'now' or (mode == 'in_turn' and redis.call('ZCOUNT', room(job), '-inf', at) == 0)
  move(id, job, 'resume', { reason = 'waiting_for_slot' }, at, 'submitted', job.by and { by = job.by } or nil, {})
  -- What ends in this step needs no fence that others believe.
  local generation = first and (ending ~= '' and '0' or fence_generation())
  if generation then
    lease(id, job, at, holder, token, generation)
    outcome = 'leased'
    if ending ~= '' then
      local told = cjson.decode(ending)
      write_attempts(id, job, told.attempts)
      end_online(id, job, at, told)
      outcome = 'ended'
    end
  end
end
flat = {}
for field, value in pairs(job) do
  flat[#flat + 1] = field
  flat[#flat + 1] = value
end
return { outcome, flat }
