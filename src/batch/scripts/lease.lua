-- Grants the lease of a queued job to a worker: a new attempt with a new fence.
-- KEYS: root tag
-- ARGV: id, ready number of the ticket, worker, boot, zone, token, 'others' | 'alone' (can another worker take it now?)
-- Returns {'granted', field, value …} | {'refused', why}
--   why: gone | state | stale_ticket | generation | avoid
-- @include job
local id, ready, worker, boot, zone, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local at = now_ms()
local job = load(id)
if not job then return { 'refused', 'gone' } end
if job.state ~= 'queued' then return { 'refused', 'state' } end
if job.ready ~= ready then return { 'refused', 'stale_ticket' } end

-- F3: no fence before the generation fits this Redis; its run_id tells whether it has lost its memory.
local generation = redis.call('HMGET', whole('generation'), 'number', 'runId')
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
if not generation[1] or generation[2] ~= run_id then
  redis.call('ZADD', whole('unleased'), at + 500, id)
  return { 'refused', 'generation' }
end

-- A job that asked to move, or that failed here, prefers another worker for a bounded time.
if ARGV[7] == 'others' and named(job.avoid, worker) and tonumber(job.avoidUntil or 0) > at then
  redis.call('ZADD', whole('unleased'), at + 1000, id)
  return { 'refused', 'avoid' }
end

local attempt = tonumber(job.attempts) + 1
local from = job.ckSeq and job.ckSeq ~= '' and tonumber(job.ckSeq) or nil
local avoid = tonumber(job.avoidUntil or 0) > at and job.avoid or ''
-- What was computed after the checkpoint that it starts from is not done any more.
local progress = ''
if from then
  progress = job.progress or ''
  if progress ~= '' and job.ckProgress and job.ckProgress ~= '' then
    local done = cjson.decode(progress)
    done.completed, done.ratePerSecond = tonumber(job.ckProgress), nil
    progress = cjson.encode(done)
  end
end
local patch = {
  progress = progress, worker = worker, boot = boot, zone = zone, attempts = attempt, reason = '',
  fenceGeneration = generation[1], fenceCounter = tonumber(job.fenceCounter) + 1, fenceToken = token,
  intent = '', stopReason = '', checkpointRequest = 0, avoid = avoid, leasedAt = at, renewedAt = at, account = '',
}
if not job.startedAt then patch.startedAt = at end
move(id, job, 'lease', patch, at, 'leased', { worker = worker, attempt = attempt, fromCheckpoint = from or cjson.null })
count_for_array(job, 'attempts', 1)
redis.call('HDEL', key('attempts', id), attempt - ATTEMPTS_PER_JOB)
redis.call('HSET', key('attempts', id), attempt, cjson.encode({
  number = attempt, fence = job.fenceGeneration .. '.' .. job.fenceCounter, worker = worker,
  zone = zone ~= '' and zone or cjson.null, startedAt = at, endedAt = cjson.null,
  fromCheckpoint = from or cjson.null, lastCheckpoint = from or cjson.null, outcome = 'running', reason = cjson.null,
}))
local flat = { 'granted', 'mtbfMs', mean_time_to_loss(zone) }
for field, value in pairs(job) do
  flat[#flat + 1] = field
  flat[#flat + 1] = value
end
return flat
