-- Sets a checkpoint aside that could not be read back whole; its parent becomes the one to start from.
-- One that was only not found may be found by another worker: it is set aside when two workers have missed it, or the
-- same one MISSES times.
-- KEYS: root tag
-- ARGV: id, generation, counter, token, seq, detail, 'damaged' | 'absent'
-- Returns {'ok'} | {'elsewhere'} | {'refused', why}
-- @include job
local MISSES = 3
local id, seq = ARGV[1], ARGV[5]
local job = load(id)
if must_wait(job, ARGV[2], ARGV[3], ARGV[4]) then return { 'unsettled' } end
if not holds(id, job, ARGV[2], ARGV[3], ARGV[4]) then return { 'refused', 'fence' } end
local raw = redis.call('HGET', key('checkpoints', id), seq)
if not raw then return { 'ok' } end
local at = now_ms()
local checkpoint = cjson.decode(raw)
if checkpoint.state == 'set_aside' then return { 'ok' } end
if ARGV[7] == 'absent' then
  -- Said again, because the answer was lost, it counts once: by attempt.
  local missed = checkpoint.missed or {}
  missed[job.attempts] = job.worker
  checkpoint.missed = missed
  local times, others = 0, false
  for _, worker in pairs(missed) do
    times = times + 1
    if worker ~= job.worker then others = true end
  end
  if not others and times < MISSES then
    redis.call('HSET', key('checkpoints', id), seq, cjson.encode(checkpoint))
    emit(id, job, at, 'checkpoint_missing', { seq = tonumber(seq), worker = job.worker, detail = ARGV[6] })
    return { 'elsewhere' }
  end
end
checkpoint.state = 'set_aside'
redis.call('HSET', key('checkpoints', id), seq, cjson.encode(checkpoint))
if job.ckSeq == seq then
  local parent = nil
  local number = checkpoint.parent
  while number and number ~= cjson.null do
    local text = redis.call('HGET', key('checkpoints', id), number)
    if not text then break end
    local candidate = cjson.decode(text)
    if candidate.state == 'committed' then parent = candidate break end
    number = candidate.parent
  end
  if parent then
    local progress = parent.progress
    if progress == cjson.null or progress == nil then progress = '' end
    patch_record(id, job, { ckSeq = parent.seq, ckAt = parent.at, ckBytes = parent.bytes, ckProgress = progress,
      ckManifest = parent.manifest, ckSha = parent.manifestSha256 })
  else
    patch_record(id, job, { ckSeq = '', ckAt = '', ckBytes = '', ckProgress = '', ckManifest = '', ckSha = '' })
  end
end
count_trouble(id, at, 'ckSetAside', 'unreadable', ARGV[6])
emit(id, job, at, 'checkpoint_set_aside', { seq = tonumber(seq), detail = ARGV[6] })
return { 'ok' }
