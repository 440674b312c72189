-- Changes priority or labels of a job.
-- KEYS: root tag. ARGV: id, notAfter, then field, value …
-- Returns {'ok', ticket | ''} | {'not_found'} | {'too_late'}
-- @include job
local id = ARGV[1]
local at = now_ms()
if at > tonumber(ARGV[2]) then return { 'too_late' } end
local job = load(id)
if not job then return { 'not_found' } end
local before, old_priority = terms(job), job.priority
local patch = {}
for i = 3, #ARGV, 2 do patch[ARGV[i]] = ARGV[i + 1] end
patch_record(id, job, patch)
reindex(id, before, terms(job))
emit(id, job, at, 'changed')
if job.state == 'queued' and job.class ~= 'online' and job.priority ~= old_priority then
  -- The old ticket keeps its old place; the new number makes it worthless.
  patch_record(id, job, { ready = tonumber(job.ready) + 1 })
  redis.call('ZADD', whole('unleased'), at + 2000, id)
  return { 'ok', ticket(id, job) }
end
return { 'ok', '' }
