-- Forgets a final job: record, indexes, attempts, checkpoints, events.
-- KEYS: root tag. ARGV: id
-- Returns 'ok' | 'not_found' | 'not_final' | 'not_told' (children of it are still to be told its end)
-- @include job
local id = ARGV[1]
local job = load(id)
if not job then
  redis.call('ZREM', whole('finals'), id)
  return 'not_found'
end
if not FINAL[job.state] then return 'not_final' end
if redis.call('ZSCORE', whole('telling'), id) then return 'not_told' end
for _, parent in ipairs(redis.call('HKEYS', key('deps', id))) do redis.call('ZREM', key('children', parent), id) end
reindex(id, terms(job), {})
redis.call('ZREM', whole('finals'), id)
redis.call('ZREM', whole('sweep'), id)
redis.call('UNLINK', key('job', id), key('attempts', id), key('checkpoints', id), key('artifacts', id), key('events', id), key('pins', id), key('garbage', id),
  key('deps', id), key('children', id))
redis.call('XADD', whole('events'), 'MAXLEN', '~', 10000, '*', 'job', id, 'id', '', 'at', now_ms(), 'type', 'removed', 'state', job.state, 'reason', '', 'data', '{}')
return 'ok'
