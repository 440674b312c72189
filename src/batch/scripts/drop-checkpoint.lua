-- Counts a checkpoint that was to be taken and could not be: it was not saved, not frozen, or not stored.
-- KEYS: root tag
-- ARGV: id, generation, counter, token, the how-manieth of the attempt, why, detail
-- Returns {'ok'} | {'refused', why}
-- @include job
local id, why, detail = ARGV[1], ARGV[6], ARGV[7]
local job = load(id)
if must_wait(job, ARGV[2], ARGV[3], ARGV[4]) then return { 'unsettled' } end
if not holds(id, job, ARGV[2], ARGV[3], ARGV[4]) then return { 'refused', 'fence' } end
-- Asked again because the answer was lost, it is counted once.
local which = ARGV[2] .. '.' .. ARGV[3] .. ':' .. ARGV[5]
if job.ckDropOf == which then return { 'ok' } end
local at = now_ms()
redis.call('HSET', key('job', id), 'ckDropOf', which)
count_trouble(id, at, 'ckDropped', why, detail)
emit(id, job, at, 'checkpoint_dropped', { why = why, detail = detail })
return { 'ok' }
