-- Takes the lease away from an attempt whose worker is lost: compare-and-set on the fence the observer read.
-- KEYS: root tag
-- ARGV: id, generation, counter, worker, boot that may keep it ("" = none), why (worker_lost | redis_set_back)
-- Returns {'ok', new state, ticket | ''} | {'unchanged'}
-- @include job
local id = ARGV[1]
local job = load(id)
if not job or (job.state ~= 'running' and job.state ~= 'stopping') then return { 'unchanged' } end
if job.fenceGeneration ~= ARGV[2] or job.fenceCounter ~= ARGV[3] or job.worker ~= ARGV[4] then return { 'unchanged' } end
if ARGV[5] ~= '' and job.boot == ARGV[5] then return { 'unchanged' } end
if ARGV[6] == 'redis_set_back' and not is_void(job) then return { 'unchanged' } end -- It was affirmed meanwhile (AF1).
local at = now_ms()
local why = ARGV[6]
close_attempt(id, job, at, 'lost', why)
if why == 'worker_lost' then strike(id, job, at, why) end
local state = let_go(id, job, at, why)
return { 'ok', state, state == 'queued' and ticket(id, job) or '' }
