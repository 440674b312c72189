-- Changes priority or labels of a job.
-- KEYS: root tag. ARGV: id, notAfter, by, then field, value …
-- Returns {'ok', ticket | ''} | {'not_found'} | {'too_late'}
-- @include job
local id = ARGV[1]
local at = now_ms()
if at > tonumber(ARGV[2]) then return { 'too_late' } end
local job = load(id)
if not job then return { 'not_found' } end
local before = terms(job)
local patch = {}
for i = 4, #ARGV, 2 do patch[ARGV[i]] = ARGV[i + 1] end
local moves = job.state == 'queued' and patch.priority and patch.priority ~= job.priority
if moves then leave_lane(job, false) end
patch_record(id, job, patch)
reindex(id, before, terms(job))
emit(id, job, at, 'changed', {
  by = ARGV[3], priority = tonumber(patch.priority), labels = patch.labels and cjson.decode(patch.labels) or nil,
})
if moves and job.class ~= 'online' then
  -- The old ticket keeps its old place; the new number makes it worthless.
  local place = { ready = tonumber(job.ready) + 1 }
  enter_lane(job, place)
  patch_record(id, job, place)
  redis.call('ZADD', whole('unleased'), at + 2000, id)
  return { 'ok', ticket(id, job) }
end
return { 'ok', '' }
