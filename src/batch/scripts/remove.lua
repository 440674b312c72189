-- Forgets a final job: record, indexes, attempts, checkpoints, events; and notes that its files are to be deleted.
-- KEYS: root tag. ARGV: id, when (ms from now), why ('asked' by somebody | 'due': its time is over)
-- Returns 'ok' | 'not_found' | 'not_final' | 'not_told' (children of it are still to be told its end)
--         | 'forked' (a fork of it stands on one of its checkpoints) | { 'needed', an unfinished job that names it (RT1) }
-- @include job
local id = ARGV[1]
local job = load(id)
if not job then
  for _, name in ipairs({ 'finals', 'finals-online', 'finals-failures', 'kept' }) do redis.call('ZREM', whole(name), id) end
  return 'not_found'
end
if not FINAL[job.state] then return 'not_final' end
local by = needed_by(id, job)
local forked = redis.call('EXISTS', key('forks', id)) == 1
if by or forked then
  if ARGV[3] == 'due' then put_off(id, job, now_ms()) end
  return by and { 'needed', by } or 'forked'
end
if told_of(id) then return 'not_told' end
forget(id, job)
if job.class ~= 'online' then redis.call('ZADD', whole('purge'), now_ms() + tonumber(ARGV[2]), id) end
return 'ok'
