-- Time passes: what was scheduled becomes ready, what is past its deadline expires. A few at a time.
-- KEYS: root tag. ARGV: at most
-- Returns tickets of jobs that became ready
-- @include job
local at = now_ms()
local tickets = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', whole('due'), '-inf', at, 'LIMIT', 0, ARGV[1])) do
  local job = load(id)
  if job and move(id, job, 'due', { reason = 'waiting_for_slot', dueAt = '' }, at, 'ready') then
    tickets[#tickets + 1] = ticket(id, job)
  else
    redis.call('ZREM', whole('due'), id)
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', whole('deadlines'), '-inf', at, 'LIMIT', 0, ARGV[1])) do
  local job = load(id)
  if job then
    local worker = job.worker or ''
    if job.state == 'running' or job.state == 'stopping' then close_attempt(id, job, at, 'interrupted', 'deadline_passed') end
    if move(id, job, 'expire', { reason = 'deadline_passed' }, at, 'expired') and worker ~= '' then
      redis.call('LPUSH', key('wake', worker), id)
      redis.call('PEXPIRE', key('wake', worker), 60000)
    end
  end
  redis.call('ZREM', whole('deadlines'), id)
end
return tickets
