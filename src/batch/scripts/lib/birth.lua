-- How a job comes into being: the same for one alone and for an element of an array.
-- @include graph

-- The parents of a job to be, with how they stand. Returns them, and the place (from 0) of one that does not exist.
local function parents_of(job)
  local parents = job.dependsOn and job.dependsOn ~= '' and cjson.decode(job.dependsOn) or {}
  for index, parent in ipairs(parents) do
    parent.verdict = verdict_of(parent.job)
    if not parent.verdict then return nil, index - 1 end
  end
  return parents, nil
end

-- Writes the record of `job` (field → text, as submitted). `run_at`: ms or ''; `deadline_ms` from now on, or ''.
-- Returns its state.
local function birth(id, job, parents, at, run_at, deadline_ms)
  job.id = id
  job.createdAt = at
  job.stateAt = at
  job.attempts, job.retries, job.round, job.strikes, job.ready = 0, 0, 0, 0, 0
  job.nextSeq, job.fenceGeneration, job.fenceCounter, job.staleWritesRefused, job.checkpointRequest = 1, 0, 0, 0, 0
  if deadline_ms ~= '' then
    job.deadlineAt = at + tonumber(deadline_ms)
    redis.call('ZADD', whole('deadlines'), job.deadlineAt, id)
  end
  -- A job is born where `stopped` leads to: the same exits, so the table has no states of birth.
  job.state = 'stopped'
  local event, patch = 'resume', { reason = 'waiting_for_slot' }
  if run_at ~= '' and tonumber(run_at) > at then
    event, patch = 'postpone', { reason = 'not_before', runAt = run_at, dueAt = run_at }
  end
  local flat = {}
  for field, value in pairs(job) do
    flat[#flat + 1] = field
    flat[#flat + 1] = tostring(value)
    job[field] = tostring(value)
  end
  redis.call('HSET', key('job', id), unpack(flat))
  hold_named(id, job)
  for _, parent in ipairs(parents) do wait_for(id, parent.job, parent.onFailure, parent.verdict) end
  local waiting, culprit = reassess(id, job)
  if waiting > 0 or culprit then
    event, patch = 'block', { reason = 'waiting_for_jobs', runAt = run_at }
  else
    patch.released = 1
  end
  local state = move(id, job, event, patch, at, 'submitted', job.by and { by = job.by } or nil, {})
  if not culprit then return state end
  forbid(id, job, culprit, at)
  return 'cancelled'
end
