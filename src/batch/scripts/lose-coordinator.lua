-- Takes online jobs from an API process that is lost, by compare-and-set on the beat that was seen last; or from one
-- that says itself that it knows nothing of them. The jobs wait again, for whoever draws them.
-- KEYS: root tag. ARGV: holder, its last beat ("" = it asks itself), then ids
-- Returns {'taken', how many, how many it still holds} | {'alive'}
-- @include job
-- @include online
local holder, beat, at = ARGV[1], ARGV[2], now_ms()
if beat ~= '' and redis.call('HGET', whole('coordinators'), holder) ~= beat then return { 'alive' } end
local taken = 0
for i = 3, #ARGV do
  local id = ARGV[i]
  local job = load(id)
  if job and LEASED[job.state] and job.holder == holder then
    write_attempts(id, job, { {
      number = tonumber(job.attempts) + 1, fence = job.fenceGeneration .. '.' .. job.fenceCounter, worker = cjson.null,
      zone = cjson.null, startedAt = tonumber(redis.call('ZSCORE', key('held', holder), id) or at), endedAt = at,
      fromCheckpoint = cjson.null, lastCheckpoint = cjson.null, outcome = 'lost', reason = 'coordinator_lost',
      why = cjson.null, replica = cjson.null, queueMs = cjson.null, runMs = cjson.null,
    } })
    strike(id, job, at, 'coordinator_lost')
    let_go(id, job, at, 'coordinator_lost')
    taken = taken + 1
  else
    redis.call('ZREM', key('held', holder), id)
  end
end
local left = redis.call('ZCARD', key('held', holder))
if left == 0 and beat ~= '' then redis.call('HDEL', whole('coordinators'), holder) end
return { 'taken', taken, left }
