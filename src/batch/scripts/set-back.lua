-- A witness says that this Redis has older data than it had: what was leased by them may have been another's since.
-- KEYS: root tag
-- Returns the generation below which leases are void | 0 (it was known)
-- @include job
local known = redis.call('HMGET', whole('generation'), 'number', 'voidBelow')
if not known[1] then return 0 end
-- What was leased since the generation was made to fit this Redis is sound.
local below = tonumber(known[1]) + (is_unsettled() and 1 or 0)
if tonumber(known[2] or '0') >= below then return 0 end
redis.call('HSET', whole('generation'), 'voidBelow', below, 'voidAt', now_ms())
return below
