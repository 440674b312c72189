-- What every batch script shares: the record of a job, its indexes and its events.
--
-- KEYS[1] is the root tag; every key of batch and fleet begins with it, so all stand in one slot.
-- TRANSITIONS comes from src/domain/job-state.ts: no script names a next state itself.
local root = KEYS[1]

local function key(kind, id) return root .. ':' .. kind .. ':' .. id end
local function whole(kind) return root .. ':' .. kind end

-- @include fair
-- @include needed
-- @include fleet/losses

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- How often a worker of a zone is lost, as the caretaker has counted (fleet/failure-book.ts): ms, or ''. Of a zone that
-- was not counted yet, or of none: how often a worker of the fleet is.
local function mean_time_to_loss(zone)
  local known = redis.call('HMGET', whole('failures'), 'mtbfMs@' .. (zone or ''), 'mtbfMs')
  return known[1] or known[2] or ''
end

local function load(id)
  local flat = redis.call('HGETALL', key('job', id))
  if #flat == 0 then return nil end
  local job = {}
  for i = 1, #flat, 2 do job[flat[i]] = flat[i + 1] end
  return job
end

-- Index terms of a job: everything, each of state, task, class, worker, caller, label, and each pair of these (caller and
-- labels among themselves excepted): whatever a list is filtered by, one or two terms of it have a sorted set of their own.
local function terms(job)
  local atoms = { 's=' .. job.state, 't=' .. job.task, 'c=' .. job.class }
  if job.worker and job.worker ~= '' then atoms[#atoms + 1] = 'w=' .. job.worker end
  local plain = #atoms
  if job.caller and job.caller ~= '' then atoms[#atoms + 1] = 'u=' .. job.caller end
  for label in string.gmatch(job.labelTerms or '', '[^\n]+') do atoms[#atoms + 1] = 'l=' .. label end
  local set = { [''] = true }
  for i = 1, #atoms do
    set[atoms[i]] = true
    for k = i + 1, #atoms do
      if i <= plain then set[atoms[i] .. '&' .. atoms[k]] = true end
    end
  end
  return set
end

local function reindex(id, before, after)
  for term in pairs(before) do
    if not after[term] then redis.call('ZREM', key('ix', term), id) end
  end
  for term in pairs(after) do
    if not before[term] then redis.call('ZADD', key('ix', term), 0, id) end
  end
end

-- One event to the job's own list, numbered from 1, and one to the short stream of all jobs that wakes whoever waits.
-- A list, because a stream takes 4 KiB from its first entry on.
local function emit(id, job, at, type, data)
  local number = redis.call('HINCRBY', key('job', id), 'events', 1)
  local json = data and cjson.encode(data) or '{}'
  local reason = job.reason and job.reason ~= '' and '"' .. job.reason .. '"' or 'null'
  redis.call('RPUSH', key('events', id), string.format('{"id":"%d","at":%d,"type":"%s","state":"%s","reason":%s,"data":%s}',
    number, at, type, job.state, reason, json))
  if number > EVENTS_PER_JOB then redis.call('LTRIM', key('events', id), -EVENTS_PER_JOB, -1) end
  redis.call('XADD', whole('events'), 'MAXLEN', '~', 10000, '*', 'job', id, 'id', number,
    'at', at, 'type', type, 'state', job.state, 'reason', job.reason or '', 'data', json)
end

-- Writes `patch` (field → text) into the record, with indexes and an event. The state is not touched here.
local function patch_record(id, job, patch)
  local flat = {}
  for field, value in pairs(patch) do
    job[field] = tostring(value)
    flat[#flat + 1] = field
    flat[#flat + 1] = job[field]
  end
  if #flat > 0 then redis.call('HSET', key('job', id), unpack(flat)) end
end

local FINAL = { succeeded = true, failed = true, cancelled = true, expired = true }
local LEASED = { running = true, stopping = true }

-- Where a job that is ready waits for its lease: a batch job also has a ticket, which a worker draws; an online job
-- has none, it is drawn from here by an API process.
local function room(job) return whole(job.class == 'online' and 'online-ready' or 'unleased') end

-- Where a final job stands by when it ended: each shelf is emptied by itself, so that online requests, of which there
-- are many, do not drive out the results of batch jobs.
local function shelf(job) return whole(job.shelf or 'finals') end

-- How many elements of an array are in a state: their ids begin with the first 23 characters of the array's, so that
-- every index has them side by side (`domain/array-element.ts`).
local function elements_in(term, array)
  local prefix = string.sub(array, 1, 23)
  return redis.call('ZLEXCOUNT', key('ix', term), '(' .. array, '[' .. prefix .. 'zzz')
end

-- How an array stands, by the ends of its elements: all of them ended well, all ended, or not.
local function array_verdict(array, count)
  local well = elements_in('s=succeeded', array)
  if well == count then return 'ok' end
  local ended = well + elements_in('s=failed', array) + elements_in('s=cancelled', array) + elements_in('s=expired', array)
  return ended == count and 'failed' or 'w'
end

-- Somebody may wait for this job, or for its array: they are to be told how it stands now (GR1, `lib/graph.lua`).
local function take_turn(id, job, at)
  if redis.call('EXISTS', key('children', id)) == 1 then
    redis.call('HINCRBY', key('job', id), 'turn', 1)
    redis.call('ZADD', whole('telling'), at, id)
  end
  local array = job.array
  if array and array ~= '' and redis.call('EXISTS', key('children', array)) == 1 then
    local known = redis.call('HMGET', key('array', array), 'count', 'verdict')
    local verdict = array_verdict(array, tonumber(known[1] or 0))
    if verdict ~= (known[2] or 'w') then
      redis.call('HSET', key('array', array), 'verdict', verdict)
      redis.call('HINCRBY', key('array', array), 'turn', 1)
      redis.call('ZADD', whole('telling'), at, array)
    end
  end
end

-- Counts for the array that a job is an element of, so that nobody has to read all elements for a sum. An array that
-- was lost with Redis' memory is not made again by that.
local function count_for_array(job, field, by)
  local array = job.array
  if not array or array == '' or redis.call('HEXISTS', key('array', array), 'count') == 0 then return end
  redis.call('HINCRBY', key('array', array), field, by)
end

-- Time of a job that was spent on one part (GP1): in its record, in its array's and in the fleet's counters.
local function spend(id, job, part, ms)
  if ms <= 0 or job.class ~= 'batch' then return end
  patch_record(id, job, { ['spent_' .. part] = tonumber(job['spent_' .. part] or '0') + ms })
  count_for_array(job, 'spent_' .. part, ms)
  redis.call('HINCRBY', whole('spent'), part, ms)
end

-- A final job whose time is over, and that somebody needs still, leaves its shelf, so that it keeps nobody else there;
-- whether it is still needed is looked at again later (RT2).
local function put_off(id, job, at)
  redis.call('ZREM', shelf(job), id)
  redis.call('ZADD', whole('kept'), at + PUT_OFF_MS, id)
end

-- Takes `job` along `event` (S1) and writes `patch` with it. Keeps what hangs on the state:
-- room = ready and without a lease; due = scheduled; shelf = ended; a final or waiting job has no worker and no fence.
-- `indexed` are the terms it stands under so far, if they are not those of its record. Returns the new state, or nil
-- when the table has no such exit.
local function move(id, job, event, patch, at, type, data, indexed)
  local target = TRANSITIONS[job.state] and TRANSITIONS[job.state][event]
  if not target then return nil end
  local before = indexed or terms(job)
  local had_ended = FINAL[job.state]
  if job.state ~= 'running' and job.state ~= 'stopping' then
    spend(id, job, job.state == 'queued' and 'queued' or 'held', at - tonumber(job.stateAt))
  end
  patch.state = target
  patch.stateAt = at
  if target ~= 'running' and target ~= 'stopping' then
    patch.fenceToken = ''
    patch.intent = ''
    if not FINAL[target] then patch.worker = '' end
  end
  if job.state == 'queued' then leave_lane(job, target == 'running') end
  if target == 'queued' then
    patch.ready = (tonumber(job.ready) or 0) + 1
    enter_lane(job, patch)
  end
  if job.holder and job.holder ~= '' and not LEASED[target] then
    redis.call('ZREM', key('held', job.holder), id)
    patch.holder = ''
  end
  if FINAL[target] then patch.finishedAt = at end
  patch_record(id, job, patch)
  reindex(id, before, terms(job))
  if target ~= 'queued' then
    redis.call('ZREM', room(job), id)
  elseif job.class == 'online' then
    redis.call('ZADD', room(job), at, id)
  else
    redis.call('ZADD', room(job), at + 2000, id)
  end
  if target == 'scheduled' then
    redis.call('ZADD', whole('due'), job.dueAt, id)
  else
    redis.call('ZREM', whole('due'), id)
  end
  -- A state that no attempt tells the store: the caretaker does (batch/marks.ts).
  if (target == 'stopped' or (FINAL[target] and target ~= 'succeeded')) and tonumber(job.attempts or 0) > 0 and job.class ~= 'online' then
    redis.call('ZADD', whole('unmarked'), at, id)
  end
  if FINAL[target] then
    redis.call('ZADD', shelf(job), at, id)
    if job.class ~= 'online' then redis.call('ZADD', whole('sweep'), at, id) end
    redis.call('ZREM', whole('deadlines'), id)
    let_named_go(id, job)
  else
    redis.call('ZREM', shelf(job), id)
    redis.call('ZREM', whole('sweep'), id)
  end
  if had_ended then
    redis.call('ZREM', whole('kept'), id)
    if not FINAL[target] then hold_named(id, job) end
  end
  -- Who begins anew has what is left of its deadline, and none when that is over.
  if had_ended and job.deadlineAt and job.deadlineAt ~= '' then
    if tonumber(job.deadlineAt) > at then
      redis.call('ZADD', whole('deadlines'), job.deadlineAt + (job.class == 'online' and DEADLINE_SLACK or 0), id)
    else
      patch_record(id, job, { deadlineAt = '' })
    end
  end
  emit(id, job, at, type, data)
  if FINAL[target] or had_ended then take_turn(id, job, at) end
  return target
end

-- What a new ticket needs, for the caller to put into BullMQ; '' for a job that needs none.
local function ticket(id, job)
  if job.class == 'online' then return '' end
  return { id, job.queue, job.ready, job.priority, job.rank }
end

-- Redis was started anew, and whether it has lost its memory is still being found out (N2): nothing is granted and
-- nothing is confirmed meanwhile.
local function is_unsettled()
  local known = redis.call('HMGET', whole('generation'), 'number', 'runId')
  return known[1] and known[2] ~= string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or false
end

-- Leases of generations below this one are void (N3).
local function void_below() return tonumber(redis.call('HGET', whole('generation'), 'voidBelow') or '0') end

-- It has: leases of before are nobody's (N3), but those that were affirmed since (`affirm.lua`).
local function is_void(job)
  return job.class == 'batch' and math.max(tonumber(job.fenceGeneration), tonumber(job.affirmed or '0')) < void_below()
end

-- Is this the fence of the record (F2)?
local function is_owner(job, generation, counter, token)
  return job and LEASED[job.state] and job.fenceToken == token and token ~= ''
    and job.fenceGeneration == generation and job.fenceCounter == counter
end

-- Has a write for an attempt to wait? As long as it is not known whether Redis has lost its memory (N2), or when it has
-- and the owner that it remembers may be affirmed yet (AF1).
local function must_wait(job, generation, counter, token)
  return is_unsettled() or (is_owner(job, generation, counter, token) and is_void(job))
end

-- Does the caller hold the lease? Counts the refusal if not.
local function holds(id, job, generation, counter, token)
  if is_owner(job, generation, counter, token) and not is_void(job) then return true end
  if job then redis.call('HINCRBY', key('job', id), 'staleWritesRefused', 1) end
  return false
end

-- A checkpoint is not there (domain/checkpoint-trouble.ts): counts it on the job and for the fleet.
local function count_trouble(id, at, field, why, detail)
  redis.call('HINCRBY', key('job', id), field, 1)
  redis.call('HSET', key('job', id), 'ckTroubleAt', at, 'ckTroubleWhy', why, 'ckTroubleDetail', string.sub(detail, 1, 500))
  redis.call('HINCRBY', whole('checkpoint-trouble'), why, 1)
end

-- Are jobs that wait for this one still to be told its end (`lib/graph.lua`)? Its record has to stay until then.
local function told_of(id) return redis.call('ZSCORE', whole('telling'), id) end

-- A fork needs the checkpoint of another job no more (FK1, `fork.lua`).
local function leave_fork(id, job)
  if not job.forkSeq or job.forkSeq == '' then return end
  local raw = redis.call('HGET', key('checkpoints', id), job.forkSeq)
  local owner = raw and cjson.decode(raw).of or job.forkOf
  redis.call('HDEL', key('forks', owner), id)
end

-- Forgets a job: record, indexes, and all that belongs to it.
local function forget(id, job)
  leave_fork(id, job)
  reindex(id, terms(job), {})
  for _, set in ipairs({ shelf(job), room(job), whole('kept'), whole('sweep'), whole('due'), whole('deadlines') }) do redis.call('ZREM', set, id) end
  if job.holder and job.holder ~= '' then redis.call('ZREM', key('held', job.holder), id) end
  for _, parent in ipairs(redis.call('HKEYS', key('deps', id))) do redis.call('ZREM', key('children', parent), id) end
  redis.call('UNLINK', key('job', id), key('attempts', id), key('checkpoints', id), key('artifacts', id), key('events', id), key('pins', id), key('garbage', id),
    key('old-artifacts', id), key('deps', id), key('children', id))
  -- The last element takes its array along.
  local array = job.array
  if array and array ~= '' and elements_in('', array) == 0 and not redis.call('ZSCORE', whole('unfilled'), array) then
    redis.call('UNLINK', key('array', array), key('children', array))
    for _, set in ipairs({ 'arrays', 'telling' }) do redis.call('ZREM', whole(set), array) end
  end
  redis.call('XADD', whole('events'), 'MAXLEN', '~', 10000, '*', 'job', id, 'id', '', 'at', now_ms(), 'type', 'removed', 'state', job.state, 'reason', '', 'data', '{}')
end

-- Divides the time of an attempt that ends: `splitAttempt` of domain/goodput.ts, in Lua.
local function split_attempt(job, at, outcome, reason)
  local left = math.max(0, at - tonumber(job.leasedAt or at))
  local function take(ms)
    local taken = math.min(math.max(0, math.floor(ms + 0.5)), left)
    left = left - taken
    return taken
  end
  local account = job.account and job.account ~= '' and cjson.decode(job.account) or {}
  local function measured(field) return type(account[field]) == 'number' and account[field] or nil end
  local spent = {}
  spent.detect = take(reason == 'worker_lost' and at - tonumber(job.renewedAt or at) or 0) -- GP3
  spent.restore = take(measured('restoreMs') or left)
  spent.checkpoint = take(measured('checkpointMs') or 0)
  spent.useful = take(outcome == 'succeeded' and left or measured('keptMs') or 0) -- GP2
  spent.redone = left
  return spent
end

-- Attempts of online jobs are closed where they are written, in `lib/online.lua`.
local function close_attempt(id, job, at, outcome, reason)
  if job.class == 'online' then return end
  local spent = split_attempt(job, at, outcome, reason)
  for part, ms in pairs(spent) do spend(id, job, part, ms) end
  if outcome == 'lost' then count_for_array(job, 'losses', 1) end
  local raw = redis.call('HGET', key('attempts', id), job.attempts)
  if not raw then return end
  local attempt = cjson.decode(raw)
  attempt.endedAt = at
  attempt.outcome = outcome
  attempt.reason = reason
  attempt.spent = spent
  if job.ckSeq and job.ckSeq ~= '' then attempt.lastCheckpoint = tonumber(job.ckSeq) end
  redis.call('HSET', key('attempts', id), job.attempts, cjson.encode(attempt))
end

-- Names in a field, one a line.
local function named(list, name) return string.find('\n' .. (list or '') .. '\n', '\n' .. name .. '\n', 1, true) ~= nil end
local function with_name(list, name)
  if not list or list == '' then return name end
  return named(list, name) and list or list .. '\n' .. name
end

-- A task and a worker that failed together are kept apart for a while; `lease.lua` looks whether another can take it.
local function keep_apart(id, job, from)
  patch_record(id, job, { avoid = with_name(job.avoid, job.worker), avoidUntil = from + AVOID_MS })
end

-- An attempt was lost, and nobody knows yet whether the job did it (domain/quarantine.ts).
local function strike(id, job, at, reason)
  local heard = reason == 'worker_lost' and tonumber(job.renewedAt or at) or at
  local since = math.max(tonumber(job.leasedAt or at), tonumber(job.ckAt ~= '' and job.ckAt or 0) or 0)
  local where = job.worker and job.worker ~= '' and job.worker or job.holder or ''
  local mtbf = tonumber(mean_time_to_loss(job.zone)) or USUAL_MTBF
  local chance = 1 - math.exp(-math.max(0, heard - since) / mtbf)
  local odds = math.max(math.log10(chance), QUARANTINE.oddsOfOneAtLeast)
  if job.class == 'batch' then keep_apart(id, job, at) end
  patch_record(id, job, {
    strikes = tonumber(job.strikes or '0') + 1,
    strikeOdds = tonumber(job.strikeOdds or '0') + odds, -- QU3
    strikeWorkers = with_name(job.strikeWorkers, where),
    strikeNotes = with_name(job.strikeNotes, string.format('attempt %s on %s (%s)', job.attempts, where, reason)),
  })
end

local function is_to_blame(job)
  local strikes = tonumber(job.strikes or '0')
  if strikes >= QUARANTINE.strikesAtMost then return true end
  local enough = string.find(job.strikeWorkers or '', '\n', 1, true) and QUARANTINE.strikes or QUARANTINE.strikesAlone
  return strikes >= enough and tonumber(job.strikeOdds) <= QUARANTINE.odds
end

local function blame(job)
  local error = cjson.decode(QUARANTINE.problem)
  -- The first of them may have made one and been lost after it.
  local since = job.ckSeq and job.ckSeq ~= '' and string.format('since checkpoint %s, without a new one', job.ckSeq) or 'without a checkpoint'
  local attempts = string.gsub(job.strikeNotes, '\n', ', ')
  error.detail = string.format('%s ended in a row %s; what it wrote last is in the log of attempt %s', attempts, since, job.attempts)
  return cjson.encode(error)
end

-- Nothing is held against the job any more (QU1).
local NO_STRIKES = { strikes = 0, strikeOdds = 0, strikeWorkers = '', strikeNotes = '' }
local function without_strikes(patch)
  for field, value in pairs(NO_STRIKES) do patch[field] = value end
  return patch
end

-- Lets a leased job go by its intent: the end of every attempt that neither succeeded nor failed.
local function let_go(id, job, at, reason)
  if job.intent == 'cancel' then
    return move(id, job, 'drop', { reason = 'cancelled_by_request' }, at, 'cancelled')
  elseif job.intent == 'stop' then
    return move(id, job, 'park', { reason = 'stopped_by_request' }, at, 'stopped')
  elseif is_to_blame(job) then
    return move(id, job, 'fail', { reason = 'quarantined', error = blame(job) }, at, 'failed')
  end
  return move(id, job, 'requeue', { reason = reason }, at, 'requeued', { why = reason })
end
