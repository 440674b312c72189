-- Makes a schedule, or changes it.
-- KEYS: root tag. ARGV: name, notAfter (ms), next time (ms), then field, value …
-- Returns {'created'} | {'changed'} | {'too_late'}
-- @include job
local name = ARGV[1]
local at = now_ms()
if at > tonumber(ARGV[2]) then return { 'too_late' } end
local existed = redis.call('EXISTS', key('schedule', name)) == 1
local flat = { 'nextAt', ARGV[3] }
if not existed then
  flat[3], flat[4] = 'createdAt', at
end
for i = 4, #ARGV do flat[#flat + 1] = ARGV[i] end
redis.call('HSET', key('schedule', name), unpack(flat))
redis.call('ZADD', whole('schedules'), ARGV[3], name)
return { existed and 'changed' or 'created' }
