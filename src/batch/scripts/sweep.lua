-- Forgets the checkpoints of jobs that ended long enough ago, and notes that their files are to be deleted.
-- KEYS: root tag. ARGV: at most, keep checkpoints for (ms)
-- Returns {how many were looked at, of how many the checkpoints are forgotten}
-- @include job
local at = now_ms()
local looked, swept = 0, 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', whole('sweep'), '-inf', at - tonumber(ARGV[2]), 'LIMIT', 0, ARGV[1])) do
  looked = looked + 1
  redis.call('ZREM', whole('sweep'), id)
  local job = load(id)
  if job and FINAL[job.state] then
    -- A pin that has not run out (somebody reads, or forks) puts it off, and so does an unfinished job with its id in
    -- its input: it may read it yet (RT1).
    local pinned = redis.call('EXISTS', key('forks', id), key('named', id)) > 0
    for _, expiry in ipairs(redis.call('HVALS', key('pins', id))) do
      if tonumber(expiry) > at then pinned = true end
    end
    if pinned then
      redis.call('ZADD', whole('sweep'), at, id)
    else
      leave_fork(id, job)
      patch_record(id, job, { ckSeq = '', ckAt = '', ckBytes = '', ckProgress = '', ckManifest = '', ckSha = '' })
      redis.call('UNLINK', key('checkpoints', id), key('garbage', id), key('pins', id))
      -- Up to the fence it has now: what a retry of it stores is not meant.
      redis.call('ZADD', whole('purge'), at, id .. ' ' .. (job.fenceGeneration or '0') .. '.' .. (job.fenceCounter or '0'))
      swept = swept + 1
    end
  end
end
return { looked, swept }
