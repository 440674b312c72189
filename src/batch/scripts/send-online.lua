-- Notes, before an attempt is sent of a task that must not run twice, what is sent: whoever takes the job over can then
-- find out whether it started. "" says that it certainly did not.
-- KEYS: root tag. ARGV: id, generation, counter, token, what is sent
-- Returns 1 | 0 (and the refusal is counted)
-- @include job
local id = ARGV[1]
local job = load(id)
if not holds(id, job, ARGV[2], ARGV[3], ARGV[4]) then return 0 end
patch_record(id, job, { sending = ARGV[5] })
return 1
