-- What an idempotency key says about a new job, in the step that creates it: nil when there is none, or it is free;
-- else the answer of the script. `replaces(id)` says whether the job that has it may be replaced by a new one.
local function answer_of_key(name, fingerprint, replaces)
  if fingerprint == '' then return nil end
  local known = redis.call('GET', name)
  if not known then return nil end
  local other, print_known = string.match(known, '^(%S+) (%S+)$')
  if print_known ~= fingerprint then return { 'key_reused', other } end
  if redis.call('EXISTS', key('job', other)) == 1 and not replaces(other) then return { 'replayed', other } end
  return nil
end
