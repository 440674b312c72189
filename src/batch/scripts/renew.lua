-- The agent's look at one lease it holds, with what is new: still mine, and what is wanted of me?
-- KEYS: root tag
-- ARGV: id, generation, counter, token, progress JSON (or ""), interval JSON (or ""), account JSON (or "")
-- Returns {'held', intent, checkpointRequest, stopGraceMs, mtbf (ms or "")} | {'lost'}
--   | {'void', generation below which leases are void, number of the next checkpoint}: it may be affirmed (`affirm.lua`)
-- @include job
if is_unsettled() then return { 'unsettled' } end
local id = ARGV[1]
local job = load(id)
local owner = is_owner(job, ARGV[2], ARGV[3], ARGV[4])
if owner and is_void(job) then return { 'void', void_below(), job.nextSeq } end
if not owner then
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
