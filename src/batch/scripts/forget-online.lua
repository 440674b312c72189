-- Forgets records of online requests whose time is over, the oldest first. A few at a time.
-- KEYS: root tag. ARGV: shelf, at most, keep for (ms)
-- Returns how many there were
-- @include job
-- @include online
local name = whole(ARGV[1])
local ids = redis.call('ZRANGEBYSCORE', name, '-inf', now_ms() - tonumber(ARGV[3]), 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do
  forget_record(name, id)
end
return #ids
