-- What the scripts for records of online requests share. `lib/job.lua` comes before it.

-- The generation of fences, or nil when it does not fit this Redis (F3): its run_id tells whether it has lost its memory.
local function fence_generation()
  local known = redis.call('HMGET', whole('generation'), 'number', 'runId')
  local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  return known[1] and known[2] == run_id and known[1] or nil
end

-- Grants the lease of a queued job to an API process. Whoever holds one stands in `coordinators`, where its beat is
-- watched: there is no holder that nobody watches.
local function lease(id, job, at, holder, token, generation)
  redis.call('HSETNX', whole('coordinators'), holder, 0)
  local patch = {
    holder = holder, reason = '', fenceGeneration = generation, fenceCounter = tonumber(job.fenceCounter) + 1,
    fenceToken = token, intent = '',
  }
  if not job.startedAt or job.startedAt == '' then patch.startedAt = at end
  move(id, job, 'lease', patch, at, 'leased', { attempt = tonumber(job.attempts) + 1 })
  redis.call('ZADD', key('held', holder), at, id)
end

-- Writes attempts, oldest first, each { number = ..., ... }; the record's count is the last one's number.
local function write_attempts(id, job, attempts)
  for _, attempt in ipairs(attempts) do redis.call('HSET', key('attempts', id), attempt.number, cjson.encode(attempt)) end
  if #attempts > 0 then patch_record(id, job, { attempts = attempts[#attempts].number }) end
end

-- Ends a leased online job as `ending` = { kind, payload, reason, ran, worker, pauseMs } says; `kind` is one of
-- succeeded | failed | expired | put_back (it waits again). What was asked to cancel is cancelled, as a batch job is.
-- Returns the new state.
local function end_online(id, job, at, ending)
  local kind, patch = ending.kind, { ran = ending.ran, worker = ending.worker }
  if job.intent == 'cancel' and kind ~= 'expired' then
    patch.reason = 'cancelled_by_request'
    return move(id, job, 'drop', patch, at, 'cancelled')
  elseif kind == 'succeeded' then
    patch.reason, patch.output, patch.error = '', ending.payload, ''
    return move(id, job, 'succeed', patch, at, 'succeeded')
  elseif kind == 'failed' then
    patch.reason, patch.error = ending.reason, ending.payload
    return move(id, job, 'fail', patch, at, 'failed')
  elseif kind == 'expired' then
    patch.reason, patch.error = 'deadline_passed', ending.payload
    return move(id, job, 'expire', patch, at, 'expired')
  end
  local wait = { reason = ending.reason }
  if ending.ran ~= '1' then wait.sending = '' end -- what was noted as sent was not, or was taken back
  local state = move(id, job, 'requeue', wait, at, 'requeued', { why = ending.reason })
  redis.call('ZADD', room(job), at + tonumber(ending.pauseMs), id)
  return state
end

-- Forgets the record of an online request whose time is over, unless somebody needs it still (RT1).
local function forget_record(name, id)
  local job = load(id)
  if not job then
    redis.call('ZREM', name, id)
  elseif needed_by(id, job) then
    put_off(id, job, now_ms())
  elseif not told_of(id) then
    forget(id, job)
  end
end

-- Makes room on a shelf for one more: whatever comes in pays for at most two that go, so that it stays bounded at any rate.
local function evict(name, most)
  local over = math.min(redis.call('ZCARD', whole(name)) - most, 2)
  if over <= 0 then return end
  for _, id in ipairs(redis.call('ZRANGE', whole(name), 0, over - 1)) do
    forget_record(whole(name), id)
  end
end
