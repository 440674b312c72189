-- Artifacts of a job, as fenced scripts name them.
--
-- artifacts:<job>      HASH  name → the version that counts, JSON
-- old-artifacts:<job>  ZSET  `name/sha256` of versions that newer ones replaced, by when they are to go

-- Names the version that counts: whatever it was before, it stays. Returns the sha256 of another one that it replaces,
-- or nil.
local function name_artifact(id, name, text)
  local before = redis.call('HGET', key('artifacts', id), name)
  redis.call('HSET', key('artifacts', id), name, text)
  local now, was = cjson.decode(text).sha256, before and cjson.decode(before).sha256
  redis.call('ZREM', key('old-artifacts', id), name .. '/' .. now)
  return was ~= now and was or nil
end
