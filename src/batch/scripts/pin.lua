-- Tells which is the latest committed checkpoint of a job, and pins it: it is not deleted while somebody reads it.
-- KEYS: root tag
-- ARGV: id, for how long (ms)
-- Returns {seq, manifest, sha, progress} | {} when there is none
local root, id, ttl = KEYS[1], ARGV[1], tonumber(ARGV[2])
local found = redis.call('HMGET', root .. ':job:' .. id, 'ckSeq', 'ckManifest', 'ckSha', 'ckProgress')
local seq = found[1]
if not seq or seq == '' or not found[2] or not found[3] then return {} end
local time = redis.call('TIME')
local at = time[1] * 1000 + math.floor(time[2] / 1000)
local pins = root .. ':pins:' .. id
-- Half of its time is left: that of somebody who asks at every request is not written at every request.
if tonumber(redis.call('HGET', pins, seq) or 0) < at + ttl / 2 then redis.call('HSET', pins, seq, at + ttl) end
return { seq, found[2], found[3], found[4] or '' }
