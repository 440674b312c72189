-- Makes the next few elements of an array. Only from where it stands: two that fill it at once do not get in each
-- other's way.
-- KEYS: root tag
-- ARGV: array, index of the first element, then id, input, jobs named there (one a line) …
-- Returns {'filled', how many there are now, ticket …} | {'moved', how many there are} | {'gone'}
-- @include birth
local array, from = ARGV[1], tonumber(ARGV[2])
local known = redis.call('HMGET', key('array', array), 'created', 'count', 'fields', 'runAt', 'deadlineMs', 'createdAt')
if not known[1] then return { 'gone' } end
local created, count = tonumber(known[1]), tonumber(known[2])
if created ~= from then return { 'moved', created } end
local at = now_ms()
local deadline_ms = known[5]
-- The time limit counts from the submission of the array, whenever its elements are made.
if deadline_ms ~= '' then deadline_ms = tonumber(deadline_ms) - (at - tonumber(known[6])) end
local common = cjson.decode(known[3])
local parents
local reply = { 'filled', 0 }
for i = 3, #ARGV, 3 do
  local id = ARGV[i]
  local job = {}
  for field = 1, #common, 2 do job[common[field]] = common[field + 1] end
  job.input, job.named, job.array, job.arrayIndex, job.arrayCount = ARGV[i + 1], ARGV[i + 2], array, created, count
  -- A parent that was deleted since the array was taken on had ended: it is waited for no more.
  parents = parents or parents_of(job) or {}
  if birth(id, job, parents, at, known[4], deadline_ms) == 'queued' then reply[#reply + 1] = ticket(id, job) end
  created = created + 1
end
redis.call('HSET', key('array', array), 'created', created)
if created == count then
  redis.call('HDEL', key('array', array), 'inputs')
  redis.call('ZREM', whole('unfilled'), array)
else
  redis.call('ZADD', whole('unfilled'), at, array)
end
reply[2] = created
return reply
