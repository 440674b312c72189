-- Leases online jobs that wait to an API process, those that waited longest first. A few at a time.
-- KEYS: root tag. ARGV: holder, then a token for each job it would take
-- Returns {{field, value …} …}
-- @include job
-- @include online
local holder, at = ARGV[1], now_ms()
local drawn = {}
local generation = fence_generation()
if not generation then return drawn end
local ready = whole('online-ready')
for _, id in ipairs(redis.call('ZRANGEBYSCORE', ready, '-inf', at, 'LIMIT', 0, #ARGV - 1)) do
  local job = load(id)
  if not job or job.state ~= 'queued' then
    redis.call('ZREM', ready, id)
  elseif tonumber(job.deadlineAt) <= at then
    move(id, job, 'expire', { reason = 'deadline_passed' }, at, 'expired')
  else
    lease(id, job, at, holder, ARGV[#drawn + 2], generation)
    local flat = {}
    for field, value in pairs(job) do
      flat[#flat + 1] = field
      flat[#flat + 1] = value
    end
    drawn[#drawn + 1] = flat
  end
end
return drawn
