-- A sign of life of a worker. The order that stands for it rides back, and what this Redis knew of it before.
-- KEYS: root tag. ARGV: worker id, beat JSON
-- Returns {order JSON or "", 1 when the worker is registered | 0, its last beat or "", run_id of this Redis}
local root = KEYS[1]
local time = redis.call('TIME')
local at = time[1] * 1000 + math.floor(time[2] / 1000)
local before = redis.call('HGET', root .. ':beats', ARGV[1]) or ''
redis.call('HSET', root .. ':beats', ARGV[1], string.format('%d|%s', at, ARGV[2]))
return {
  redis.call('HGET', root .. ':orders', ARGV[1]) or '', redis.call('HEXISTS', root .. ':workers', ARGV[1]),
  before, string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'),
}
