-- Fair shares of callers: `domain/fair-share.ts` in Lua, with FS1 to FS5.
--
-- fair-next:<lane>     HASH  caller → rank of its next job
-- fair-waiting:<lane>  HASH  caller → how many of its jobs wait
-- fair-present:<lane>  STRING  rank that was drawn last

local function lane_of(job) return (job.pool or 'default') .. ':' .. job.priority end

-- Puts a job that becomes ready into its lane; its rank goes into `patch`.
local function enter_lane(job, patch)
  if job.class == 'online' then return end
  local lane, caller = lane_of(job), job.caller or ''
  redis.call('HINCRBY', key('fair-waiting', lane), caller, 1)
  local present = tonumber(redis.call('GET', key('fair-present', lane)) or 0)
  local round = tostring(patch.round or job.round)
  if job.lane == lane .. ':' .. round then -- FS4
    patch.rank = math.min(tonumber(job.rank), present)
    return
  end
  local rank = math.max(present, tonumber(redis.call('HGET', key('fair-next', lane), caller) or 0)) -- FS1
  redis.call('HSET', key('fair-next', lane), caller, rank + 1)
  patch.rank, patch.lane = rank, lane .. ':' .. round
end

-- Takes a job out of its lane. `drawn`: a worker got it.
local function leave_lane(job, drawn)
  if job.class == 'online' or not job.lane then return end
  local lane, caller = lane_of(job), job.caller or ''
  local left = redis.call('HINCRBY', key('fair-waiting', lane), caller, -1)
  if left <= 0 then
    redis.call('HDEL', key('fair-waiting', lane), caller)
    if redis.call('EXISTS', key('fair-waiting', lane)) == 0 then -- FS5
      redis.call('UNLINK', key('fair-next', lane), key('fair-present', lane))
      return
    end
    if not drawn then redis.call('HDEL', key('fair-next', lane), caller) end -- FS3
  end
  if drawn and tonumber(job.rank) > tonumber(redis.call('GET', key('fair-present', lane)) or 0) then
    redis.call('SET', key('fair-present', lane), job.rank)
  end
end
