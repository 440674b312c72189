-- Commits a checkpoint: from here on it is the one to start from.
-- KEYS: root tag
-- ARGV: id, generation, counter, token, seq, checkpoint JSON, progress (or ""), bytes, manifest, sha, garbage delay (ms), account JSON, then artifact name, artifact JSON …
-- Returns {'committed', garbage {manifest …}, kept {manifest …}, old versions of artifacts {name/sha256 …}} | {'refused', why}
-- @include job
-- @include artifacts
local id, seq = ARGV[1], ARGV[5]
local job = load(id)
if must_wait(job, ARGV[2], ARGV[3], ARGV[4]) then return { 'unsettled' } end
if not holds(id, job, ARGV[2], ARGV[3], ARGV[4]) then return { 'refused', 'fence' } end
if job.nextSeq ~= seq then
  -- Said again, because the answer to the first time was lost: it stands, and what it freed was told then.
  if job.ckManifest == ARGV[9] then return { 'committed', {}, {}, {} } end
  return { 'refused', 'sequence' }
end
local at = now_ms()
redis.call('HSET', key('checkpoints', id), seq, ARGV[6])
-- A version of an artifact that a newer one replaces goes as late as other garbage, unless it has come back until then.
for i = 13, #ARGV, 2 do
  local was = name_artifact(id, ARGV[i], ARGV[i + 1])
  if was then redis.call('ZADD', key('old-artifacts', id), at + tonumber(ARGV[11]), ARGV[i] .. '/' .. was) end
end
patch_record(id, job, without_strikes({
  ckSeq = seq, ckAt = at, ckBytes = ARGV[8], ckProgress = ARGV[7], ckManifest = ARGV[9], ckSha = ARGV[10],
  nextSeq = tonumber(seq) + 1, account = ARGV[12], renewedAt = at,
}))

-- The newest `keep` of the lineage are kept, so that a damaged one has something to fall back to; where it is shorter
-- (the job was set back), the newest others too. All else becomes garbage, unless somebody holds a pin that has not run out.
local all, kept, committed = {}, {}, {}
local flat = redis.call('HGETALL', key('checkpoints', id))
for i = 1, #flat, 2 do
  local checkpoint = cjson.decode(flat[i + 1])
  all[tonumber(flat[i])] = checkpoint
  if checkpoint.state == 'committed' then committed[#committed + 1] = tonumber(flat[i]) end
end
table.sort(committed, function(a, b) return a > b end)
local keep, room, number = {}, tonumber(job.keep), tonumber(seq)
while number and all[number] and room > 0 do
  if all[number].state == 'committed' then keep[number], room = true, room - 1 end
  number = tonumber(all[number].parent)
end
for _, other in ipairs(committed) do
  if room > 0 and not keep[other] then keep[other], room = true, room - 1 end
end
-- What a fork stands on stays too (FK1, `fork.lua`).
local forked = {}
for _, number in ipairs(redis.call('HVALS', key('forks', id))) do forked[tonumber(number)] = true end
for number, checkpoint in pairs(all) do
  local pin = redis.call('HGET', key('pins', id), number)
  if keep[number] or forked[number] or (pin and tonumber(pin) > at) then
    kept[#kept + 1] = checkpoint.manifest
  else
    redis.call('HDEL', key('checkpoints', id), number)
    redis.call('HDEL', key('pins', id), number)
    if checkpoint.of then
      redis.call('HDEL', key('forks', checkpoint.of), id)
    else
      redis.call('ZADD', key('garbage', id), at + tonumber(ARGV[11]), checkpoint.manifest)
    end
  end
end
-- What became garbage long enough ago is handed to the lease holder to delete.
local garbage = redis.call('ZRANGEBYSCORE', key('garbage', id), '-inf', at, 'LIMIT', 0, 16)
if #garbage > 0 then redis.call('ZREM', key('garbage', id), unpack(garbage)) end
for _, manifest in ipairs(redis.call('ZRANGE', key('garbage', id), 0, -1)) do kept[#kept + 1] = manifest end
local old = redis.call('ZRANGEBYSCORE', key('old-artifacts', id), '-inf', at, 'LIMIT', 0, 64)
if #old > 0 then redis.call('ZREM', key('old-artifacts', id), unpack(old)) end
emit(id, job, at, 'checkpoint', { seq = tonumber(seq), bytes = tonumber(ARGV[8]), attempt = tonumber(job.attempts) })
return { 'committed', garbage, kept, old }
