-- Calls a worker lost, if it has not given a sign of life since the observer looked. What it is from now on comes from
-- the observer: decoded and encoded here, its empty lists would become empty objects, which is no beat any more.
-- KEYS: root tag. ARGV: worker id, the beat as observed, beat JSON of the lost worker
-- Returns 1 | 0
local root = KEYS[1]
-- @include losses
if redis.call('HGET', root .. ':beats', ARGV[1]) ~= ARGV[2] then return 0 end
local time = redis.call('TIME')
local at = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', root .. ':beats', ARGV[1], string.format('%d|%s', at, ARGV[3]))
local registration = redis.call('HGET', root .. ':workers', ARGV[1])
local zone = registration and cjson.decode(registration).zone
count_loss(type(zone) == 'string' and zone or nil)
return 1
