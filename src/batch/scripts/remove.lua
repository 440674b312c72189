-- Forgets a final job: record, indexes, attempts, checkpoints, events.
-- KEYS: root tag. ARGV: id
-- Returns 'ok' | 'not_found' | 'not_final'
-- @include job
local id = ARGV[1]
local job = load(id)
if not job then
  redis.call('ZREM', whole('finals'), id)
  return 'not_found'
end
if not FINAL[job.state] then return 'not_final' end
reindex(id, terms(job), {})
redis.call('ZREM', whole('finals'), id)
redis.call('ZREM', whole('sweep'), id)
redis.call('UNLINK', key('job', id), key('attempts', id), key('checkpoints', id), key('artifacts', id), key('events', id), key('pins', id), key('garbage', id))
redis.call('XADD', whole('events'), 'MAXLEN', '~', 10000, '*', 'job', id, 'id', '', 'at', now_ms(), 'type', 'removed', 'state', job.state, 'reason', '', 'data', '{}')
return 'ok'
