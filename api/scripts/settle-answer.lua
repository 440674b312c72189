-- Ends a claim: keeps the answer for repeats, or forgets the claim so that a repeat runs anew.
-- KEYS: the answer. ARGV: who claimed, then status, media type, body (none: forget)
-- Returns 1, or 0 when the claim is somebody else's by now
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
if #ARGV == 1 then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'status', ARGV[2], 'type', ARGV[3], 'body', ARGV[4])
end
return 1
