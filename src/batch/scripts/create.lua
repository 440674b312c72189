-- Creates a job, atomically with its idempotency key and its place among the jobs it waits for.
-- KEYS: root tag, idempotency key (or the root tag when there is none)
-- ARGV: id, notAfter (ms, Redis time), fingerprint ("" = no key), key ttl (ms), runAt (ms or ""), deadlineMs (or ""), then field, value …
--       `dependsOn` among the fields is JSON: [{job, onFailure}]
-- Returns {'created', ticket | '', {field, value …}} | {'replayed', id} | {'key_reused', id} | {'too_late'}
--         | {'unknown_dependency', index from 0}
-- @include birth
-- @include idempotency
local id, not_after, fingerprint, ttl, run_at, deadline_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local at = now_ms()
if at > not_after then return { 'too_late' } end

local answered = answer_of_key(KEYS[2], fingerprint, function() return false end)
if answered then return answered end
if redis.call('EXISTS', key('job', id)) == 1 then return { 'replayed', id } end

local job = {}
for i = 7, #ARGV, 2 do job[ARGV[i]] = ARGV[i + 1] end
local parents, unknown = parents_of(job)
if unknown then return { 'unknown_dependency', unknown } end
if fingerprint ~= '' then redis.call('SET', KEYS[2], id .. ' ' .. fingerprint, 'PX', ttl) end
local state = birth(id, job, parents, at, run_at, deadline_ms)
local flat = {}
for field, value in pairs(job) do
  flat[#flat + 1] = field
  flat[#flat + 1] = value
end
return { 'created', state == 'queued' and ticket(id, job) or '', flat }
