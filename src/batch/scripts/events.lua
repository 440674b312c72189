-- Events of a job after a given one, oldest first.
-- KEYS: root tag. ARGV: id, number of the last event seen, at most
-- Returns event JSON …
-- @include job
local id, after, at_most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local last = tonumber(redis.call('HGET', key('job', id), 'events') or '0')
local first = last - redis.call('LLEN', key('events', id)) + 1
local from = math.max(0, after + 1 - first)
return redis.call('LRANGE', key('events', id), from, from + at_most - 1)
