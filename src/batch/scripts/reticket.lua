-- A ready job whose ticket is not to be found gets a new ticket number; one whose ticket is there is left for a while.
-- Says on the way whether anybody could run it at all: a job that waits for a worker that is not there tells so.
-- KEYS: root tag. ARGV: id, ready number that was looked for, 'found' | 'missing', 'served' | 'unserved' | 'other_pool' | 'other_version'
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
local nobody = ({ unserved = 'no_worker_has_task', other_pool = 'no_worker_in_pool', other_version = 'no_worker_has_version' })[ARGV[4]]
if nobody and job.reason ~= nobody then
  patch_record(id, job, { reason = nobody })
  emit(id, job, at, 'waiting')
elseif not nobody and string.find(job.reason or '', '^no_worker_') then
  patch_record(id, job, { reason = 'waiting_for_slot' })
  emit(id, job, at, 'waiting')
end
if ARGV[3] == 'found' then
  redis.call('ZADD', whole('unleased'), at + (nobody and 3000 or 15000), id)
  return ''
end
patch_record(id, job, { ready = tonumber(job.ready) + 1 })
redis.call('ZADD', whole('unleased'), at + 2000, id)
return ticket(id, job)
