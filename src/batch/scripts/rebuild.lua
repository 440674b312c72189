-- Makes the record of a job that Redis has lost, from what the checkpoint store has of it.
-- KEYS: root tag
-- ARGV: id, state to come from, event, reason, finishedAt (ms or ""), parts JSON {checkpoints, attempts, artifacts: {field: JSON text}}, then field, value …
-- Returns {'made', ticket | ''} | {'live'} (it is there, or was forgotten and is being deleted)
-- @include job
local id, from, event, reason, finished_at = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if redis.call('EXISTS', key('job', id)) == 1 or redis.call('ZSCORE', whole('purge'), id) then return { 'live' } end
local at = now_ms()
local job = {}
for i = 7, #ARGV, 2 do job[ARGV[i]] = ARGV[i + 1] end
job.id, job.state, job.stateAt = id, from, at
job.retries, job.strikes, job.ready, job.staleWritesRefused, job.checkpointRequest = 0, 0, 0, 0, 0
local flat = {}
for field, value in pairs(job) do
  job[field] = tostring(value)
  flat[#flat + 1] = field
  flat[#flat + 1] = job[field]
end
redis.call('HSET', key('job', id), unpack(flat))
for kind, fields in pairs(cjson.decode(ARGV[6])) do
  for field, text in pairs(fields) do redis.call('HSET', key(kind, id), field, text) end
end
-- What a fork stands on (FK1, `fork.lua`): the other job keeps it, as its own, though it may have gone on from elsewhere.
for number, text in pairs(cjson.decode(ARGV[6]).checkpoints or {}) do
  local checkpoint = cjson.decode(text)
  local owner = checkpoint.of
  if owner then
    checkpoint.of = nil
    redis.call('HSET', key('forks', owner), id, number)
    redis.call('HSETNX', key('checkpoints', owner), number, cjson.encode(checkpoint))
    redis.call('ZREM', key('garbage', owner), checkpoint.manifest)
  end
end
local state = move(id, job, event, { reason = reason }, at, 'rebuilt', { fromCheckpoint = tonumber(job.ckSeq) or cjson.null }, {})
if FINAL[state] then
  -- It is forgotten when it would have been.
  patch_record(id, job, { finishedAt = finished_at })
  redis.call('ZADD', whole('finals'), finished_at, id)
  redis.call('ZADD', whole('sweep'), finished_at, id)
else
  hold_named(id, job)
  if job.deadlineAt and job.deadlineAt ~= '' then redis.call('ZADD', whole('deadlines'), job.deadlineAt, id) end
end
return { 'made', state == 'queued' and ticket(id, job) or '' }
