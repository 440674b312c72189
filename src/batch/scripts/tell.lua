-- Tells some children of a job or array how it stands now: ready, forbidden, or revived.
-- KEYS: root tag. ARGV: parent, at most
-- Returns { 1 when there are more | 0, ticket … }
-- @include graph
local parent, most = ARGV[1], tonumber(ARGV[2])
local verdict = verdict_of(parent)
if not verdict then
  redis.call('ZREM', whole('telling'), parent)
  return { 0 }
end
local at = now_ms()
local turn = turn_of(parent)
local reply = { 0 }
local children = redis.call('ZRANGEBYSCORE', key('children', parent), '-inf', '(' .. turn, 'LIMIT', 0, most)
for _, id in ipairs(children) do
  local job = load(id)
  if job then
    local ready = tell(id, job, parent, verdict, at)
    if ready ~= '' then reply[#reply + 1] = ready end
    redis.call('ZADD', key('children', parent), turn, id)
  else
    redis.call('ZREM', key('children', parent), id)
  end
end
if #children < most then
  redis.call('ZREM', whole('telling'), parent)
else
  reply[1] = 1
end
return reply
