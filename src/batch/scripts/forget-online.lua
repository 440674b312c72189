-- Forgets records of online requests whose time is over, the oldest first. A few at a time.
-- KEYS: root tag. ARGV: shelf, at most, keep for (ms)
-- Returns how many there were
-- @include job
local name = whole(ARGV[1])
local ids = redis.call('ZRANGEBYSCORE', name, '-inf', now_ms() - tonumber(ARGV[3]), 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do
  local job = load(id)
  if not job then redis.call('ZREM', name, id) elseif not told_of(id) then forget(id, job) end
end
return #ids
