-- Forgets the checkpoints of jobs that ended long enough ago; their files may then be deleted.
-- KEYS: root tag. ARGV: at most, keep checkpoints for (ms)
-- Returns ids whose checkpoints are forgotten
-- @include job
local at = now_ms()
local swept = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', whole('sweep'), '-inf', at - tonumber(ARGV[2]), 'LIMIT', 0, ARGV[1])) do
  redis.call('ZREM', whole('sweep'), id)
  local job = load(id)
  if job and FINAL[job.state] then
    -- A pin that has not run out (somebody reads, or forks) puts it off.
    local pinned = redis.call('EXISTS', key('forks', id)) == 1
    for _, expiry in ipairs(redis.call('HVALS', key('pins', id))) do
      if tonumber(expiry) > at then pinned = true end
    end
    if pinned then
      redis.call('ZADD', whole('sweep'), at, id)
    else
      leave_fork(id, job)
      patch_record(id, job, { ckSeq = '', ckAt = '', ckBytes = '', ckProgress = '', ckManifest = '', ckSha = '' })
      redis.call('UNLINK', key('checkpoints', id), key('garbage', id), key('pins', id))
      swept[#swept + 1] = id
    end
  end
end
return swept
