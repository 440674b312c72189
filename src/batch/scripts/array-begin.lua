-- Takes an array on, atomically with its idempotency key. Its elements are made by `array-fill.lua`, by whoever comes.
-- KEYS: root tag, idempotency key (or the root tag when there is none)
-- ARGV: id, notAfter (ms, Redis time), fingerprint ("" = no key), key ttl (ms), dependsOn JSON (or ""), then field, value …
-- Returns {'begun'} | {'replayed', id} | {'key_reused', id} | {'unknown_dependency', index from 0} | {'too_late'}
-- @include birth
local id, not_after, fingerprint, ttl = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local at = now_ms()
if at > not_after then return { 'too_late' } end
if fingerprint ~= '' then
  local known = redis.call('GET', KEYS[2])
  if known then
    local other, print_known = string.match(known, '^(%S+) (%S+)$')
    if print_known ~= fingerprint then return { 'key_reused', other } end
    if redis.call('EXISTS', key('array', other)) == 1 then return { 'replayed', other } end
  end
end
if redis.call('EXISTS', key('array', id)) == 1 then return { 'replayed', id } end
local _, unknown = parents_of({ dependsOn = ARGV[5] })
if unknown then return { 'unknown_dependency', unknown } end
if fingerprint ~= '' then redis.call('SET', KEYS[2], id .. ' ' .. fingerprint, 'PX', ttl) end
local flat = { 'id', id, 'createdAt', at, 'created', 0 }
for i = 6, #ARGV do flat[#flat + 1] = ARGV[i] end
redis.call('HSET', key('array', id), unpack(flat))
redis.call('ZADD', whole('arrays'), 0, id)
redis.call('ZADD', whole('unfilled'), at, id)
return { 'begun' }
