-- Claims an Idempotency-Key for one online request, or tells what became of the first one that did.
-- KEYS: the answer. ARGV: fingerprint, who claims, deadline (ms), time to live (ms), take over when stale ("1" or "")
-- Returns {'claimed'} | {'reused'} | {'answered', status, media type, body} | {'pending'} | {'stale'}
local print, owner, deadline, ttl, take_over = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'print', 'until', 'status', 'type', 'body')
if known[1] then
  if known[1] ~= print then return { 'reused' } end
  if known[3] then return { 'answered', known[3], known[4], known[5] } end
  if now <= tonumber(known[2]) then return { 'pending' } end
  if take_over == '' then return { 'stale' } end
end
redis.call('HSET', KEYS[1], 'print', print, 'owner', owner, 'until', now + deadline)
redis.call('PEXPIRE', KEYS[1], ttl)
return { 'claimed' }
