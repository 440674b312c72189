-- Does this attempt still hold the lease? Asked before something is written that cannot be fenced.
-- KEYS: root tag. ARGV: id, generation, counter, token. Returns 1 | 0 (and the refusal is counted)
-- @include job
local job = load(ARGV[1])
if must_wait(job, ARGV[2], ARGV[3], ARGV[4]) then return { 'unsettled' } end
return holds(ARGV[1], job, ARGV[2], ARGV[3], ARGV[4]) and 1 or 0
