-- Who waits for whom.
--
-- deps:<job>      HASH  parent → '<onFailure>:<status>', status w (waits) | o (may run) | f (forbids it)
-- children:<job>  ZSET  children by the parent's turn they were told last; the parent is a job or an array
-- telling         ZSET  parents whose children are still to be told, by since when
--
-- GR1 A parent that ends, or leaves its end by `retry`, takes another turn; who was told an older one is told again.
--     What is told is the parent's state now, so that being told twice, or late, changes nothing.
-- GR2 Children are told a few at a time (`tell.lua`), never in the script that ended their parent.
-- GR3 A job that was released stays so, whatever becomes of its parents.
-- @include job

-- How a parent stands: 'w' | 'ok' | 'failed', or nil when there is no such job or array.
local function verdict_of(parent)
  local state = redis.call('HGET', key('job', parent), 'state')
  if state then return state == 'succeeded' and 'ok' or FINAL[state] and 'failed' or 'w' end
  local count = redis.call('HGET', key('array', parent), 'count')
  return count and array_verdict(parent, tonumber(count)) or nil
end

local function turn_of(parent)
  return tonumber(redis.call('HGET', key('job', parent), 'turn') or redis.call('HGET', key('array', parent), 'turn') or 0)
end

local function status_of(mode, verdict)
  if verdict == 'w' then return 'w' end
  return (verdict == 'ok' or mode == 'run') and 'o' or 'f'
end

-- Puts a new job among the children of a parent.
local function wait_for(id, parent, mode, verdict)
  redis.call('HSET', key('deps', id), parent, mode .. ':' .. status_of(mode, verdict))
  redis.call('ZADD', key('children', parent), turn_of(parent), id)
  -- Of an array that nobody waited for nobody kept the verdict.
  if redis.call('EXISTS', key('array', parent)) == 1 then redis.call('HSET', key('array', parent), 'verdict', verdict) end
end

-- Counts `was` out and `is` in, in the record.
local function recount(id, job, was, is)
  local waiting, failed = tonumber(job.depsWaiting or 0), tonumber(job.depsFailed or 0)
  if was == 'w' then waiting = waiting - 1 elseif was == 'f' then failed = failed - 1 end
  if is == 'w' then waiting = waiting + 1 elseif is == 'f' then failed = failed + 1 end
  patch_record(id, job, { depsWaiting = waiting, depsFailed = failed })
  return waiting, failed
end

-- Looks at all parents anew. Returns how many are waited for, and one that forbids the job to run (or nil).
local function reassess(id, job)
  if job.released == '1' or not job.dependsOn or job.dependsOn == '' then return 0, nil end
  local waiting, failed, culprit = 0, 0, nil
  local flat = redis.call('HGETALL', key('deps', id))
  for i = 1, #flat, 2 do
    local mode = string.match(flat[i + 1], '^(%a+):')
    local verdict = verdict_of(flat[i])
    -- A parent that was deleted since stands as it stood last.
    local status = verdict and status_of(mode, verdict) or string.sub(flat[i + 1], -1)
    redis.call('HSET', key('deps', id), flat[i], mode .. ':' .. status)
    if status == 'w' then waiting = waiting + 1 end
    if status == 'f' then failed, culprit = failed + 1, flat[i] end
  end
  patch_record(id, job, { depsWaiting = waiting, depsFailed = failed })
  return waiting, culprit
end

-- Lets a blocked job go on its way. Returns its ticket, or ''.
local function release(id, job, at)
  if job.runAt and job.runAt ~= '' and tonumber(job.runAt) > at then
    move(id, job, 'postpone', { reason = 'not_before', dueAt = job.runAt, released = 1 }, at, 'released')
    return ''
  end
  move(id, job, 'unblock', { reason = 'waiting_for_slot', released = 1 }, at, 'released')
  return ticket(id, job)
end

local function forbid(id, job, parent, at)
  move(id, job, 'cancel', { reason = 'dependency_failed', failedDependency = parent }, at, 'cancelled', { dependency = parent })
end

-- Tells a child how its parent stands (GR1). Returns a ticket when that made it ready, else ''.
local function tell(id, job, parent, verdict, at)
  local entry = redis.call('HGET', key('deps', id), parent)
  if not entry then return '' end
  local mode, was = string.match(entry, '^(%a+):(%a)$')
  local is = status_of(mode, verdict)
  if is == was then return '' end
  redis.call('HSET', key('deps', id), parent, mode .. ':' .. is)
  local waiting, failed = recount(id, job, was, is)
  if job.released == '1' then return '' end -- GR3
  if job.state == 'blocked' or job.state == 'stopped' then
    if failed > 0 then
      forbid(id, job, parent, at)
    elseif job.state == 'blocked' and waiting == 0 then
      return release(id, job, at)
    end
  elseif job.state == 'cancelled' and job.reason == 'dependency_failed' and failed == 0 then
    move(id, job, 'revive', { reason = 'waiting_for_jobs', failedDependency = '', finishedAt = '' }, at, 'revived', { dependency = parent })
    if waiting == 0 then return release(id, job, at) end
  end
  return ''
end
