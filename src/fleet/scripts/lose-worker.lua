-- Calls a worker lost, if it has not given a sign of life since the observer looked.
-- KEYS: root tag. ARGV: worker id, the beat as observed
-- Returns 1 | 0
local root = KEYS[1]
if redis.call('HGET', root .. ':beats', ARGV[1]) ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
local at = time[1] * 1000 + math.floor(time[2] / 1000)
local beat = cjson.decode(string.match(ARGV[2], '^%d+|(.*)$'))
beat.state = 'lost'
beat.reason = 'its beats stopped'
beat.slots.batch.used = 0
beat.slots.online.used = 0
redis.call('HSET', root .. ':beats', ARGV[1], string.format('%d|%s', at, cjson.encode(beat)))
redis.call('HINCRBY', root .. ':failures', 'losses', 1)
return 1
