-- Says in a job's history that its worker is silent and keeps the lease for now (domain/loss-brake.ts).
-- KEYS: root tag. ARGV: id, worker, silent workers, all workers
-- Returns 1 | 0
-- @include job
local id = ARGV[1]
local job = load(id)
if not job or not LEASED[job.state] or job.worker ~= ARGV[2] then return 0 end
emit(id, job, now_ms(), 'worker_silent', { worker = ARGV[2], silent = tonumber(ARGV[3]), workers = tonumber(ARGV[4]) })
return 1
