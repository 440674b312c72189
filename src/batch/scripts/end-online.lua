-- Ends the lease of an online job: the one place where its outcome becomes true.
-- KEYS: root tag. ARGV: id, generation, counter, token, ending JSON { kind, payload, reason, ran, worker, pauseMs, attempts };
--       kind is one of those of `end_online`, or `forget`: it certainly did not run, and its caller is told so
-- Returns {'ok', new state} | {'refused'}
-- @include job
-- @include online
local id, token = ARGV[1], ARGV[4]
local job = load(id)
-- Said twice, because the first answer did not come: it is true already.
if job and job.endedToken == token then return { 'ok', job.state } end
local ending = cjson.decode(ARGV[5])
if not job and ending.kind == 'forget' then return { 'ok', '' } end
if not holds(id, job, ARGV[2], ARGV[3], token) then return { 'refused' } end
if ending.kind == 'forget' then
  if job.idempotencyKey then redis.call('DEL', job.idempotencyKey) end
  forget(id, job)
  return { 'ok', '' }
end
patch_record(id, job, { endedToken = token })
write_attempts(id, job, ending.attempts)
return { 'ok', end_online(id, job, now_ms(), ending) }
