-- Forgets a final job: record, indexes, attempts, checkpoints, events; and notes that its files are to be deleted.
-- KEYS: root tag. ARGV: id, when (ms from now)
-- Returns 'ok' | 'not_found' | 'not_final' | 'not_told' (children of it are still to be told its end)
--         | 'forked' (a fork of it stands on one of its checkpoints)
-- @include job
local id = ARGV[1]
local job = load(id)
if not job then
  for _, name in ipairs({ 'finals', 'finals-online', 'finals-failures' }) do redis.call('ZREM', whole(name), id) end
  return 'not_found'
end
if not FINAL[job.state] then return 'not_final' end
if told_of(id) then return 'not_told' end
if redis.call('EXISTS', key('forks', id)) == 1 then return 'forked' end
forget(id, job)
if job.class ~= 'online' then redis.call('ZADD', whole('purge'), now_ms() + tonumber(ARGV[2]), id) end
return 'ok'
