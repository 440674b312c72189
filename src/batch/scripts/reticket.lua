-- A ready job whose ticket is not to be found gets a new ticket number; one whose ticket is there is left for a while.
-- KEYS: root tag. ARGV: id, ready number that was looked for, 'found' | 'missing'
-- Returns ticket | ''
-- @include job
local id = ARGV[1]
local job = load(id)
if not job or job.state ~= 'queued' then
  redis.call('ZREM', whole('unleased'), id)
  return ''
end
if job.ready ~= ARGV[2] then return '' end
local at = now_ms()
if ARGV[3] == 'found' then
  redis.call('ZADD', whole('unleased'), at + 60000, id)
  return ''
end
patch_record(id, job, { ready = tonumber(job.ready) + 1 })
redis.call('ZADD', whole('unleased'), at + 2000, id)
return ticket(id, job)
