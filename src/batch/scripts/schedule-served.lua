-- A time of a schedule was served: on to the next. Compare-and-set on the time and the expression it came from, so that
-- of several who served it one goes on, and a change in between is not undone.
-- KEYS: root tag. ARGV: name, time that was due (ms), cron, time zone, next time (ms, or "" when there is none),
--       last outcome JSON, last job (or "" to leave it)
-- Returns 1 | 0
-- @include job
local name = ARGV[1]
local known = redis.call('HMGET', key('schedule', name), 'nextAt', 'cron', 'timeZone')
if known[1] ~= ARGV[2] or known[2] ~= ARGV[3] or known[3] ~= ARGV[4] then return 0 end
redis.call('HSET', key('schedule', name), 'nextAt', ARGV[5], 'last', ARGV[6])
if ARGV[7] ~= '' then redis.call('HSET', key('schedule', name), 'lastJob', ARGV[7]) end
if ARGV[5] == '' then
  redis.call('ZADD', whole('schedules'), '+inf', name)
else
  redis.call('ZADD', whole('schedules'), ARGV[5], name)
end
return 1
