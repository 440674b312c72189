-- Affirms a lease that has become void because Redis has lost its memory: its owner has found nobody newer (AF1).
-- KEYS: root tag
-- ARGV: id, generation, counter, token, generation below which leases were void when the owner asked for others
-- Returns {'affirmed'} | {'lost'}
-- @include job
if is_unsettled() then return { 'unsettled' } end
local id, below = ARGV[1], ARGV[5]
local job = load(id)
if not is_owner(job, ARGV[2], ARGV[3], ARGV[4]) then return { 'lost' } end
if not is_void(job) then return { 'affirmed' } end -- Said again, because the answer was lost.
local at = now_ms()
patch_record(id, job, { affirmed = below, renewedAt = at })
emit(id, job, at, 'affirmed', { attempt = tonumber(job.attempts), worker = job.worker })
return { 'affirmed' }
