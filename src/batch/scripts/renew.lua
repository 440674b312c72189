-- The agent's look at one lease it holds, with what is new: still mine, and what is wanted of me?
-- KEYS: root tag
-- ARGV: id, generation, counter, token, progress JSON (or ""), interval JSON (or ""), account JSON (or "")
-- Returns {'held', intent, checkpointRequest, stopGraceMs, mtbf (ms or "")} | {'lost'}
-- @include job
if is_unsettled() then return { 'unsettled' } end
local id = ARGV[1]
local job = load(id)
if not job or is_void(job) or job.fenceToken ~= ARGV[4] or job.fenceGeneration ~= ARGV[2] or job.fenceCounter ~= ARGV[3] then
  -- Only a renewal that carries something to write counts as a refused write, and none that the attempt's own end overtook.
  if job and ARGV[5] ~= '' and job.endedToken ~= ARGV[4] then redis.call('HINCRBY', key('job', id), 'staleWritesRefused', 1) end
  return { 'lost' }
end
if ARGV[5] ~= '' and ARGV[5] ~= job.progress then
  redis.call('HSET', key('job', id), 'progress', ARGV[5])
  redis.call('XADD', whole('events'), 'MAXLEN', '~', 10000, '*', 'job', id, 'id', '', 'at', now_ms(),
    'type', 'progress', 'state', job.state, 'reason', job.reason or '', 'data', ARGV[5])
end
local news = { 'renewedAt', now_ms() }
if ARGV[6] ~= '' and ARGV[6] ~= job.interval then news[3], news[4] = 'interval', ARGV[6] end
if ARGV[7] ~= '' then news[#news + 1], news[#news + 2] = 'account', ARGV[7] end
redis.call('HSET', key('job', id), unpack(news))
return { 'held', job.intent or '', job.checkpointRequest or '0', job.stopGraceMs or '', mean_time_to_loss(job.zone) }
