-- Who needs whom: what an unfinished job names is not forgotten (RT1, batch/retention.ts).
--
-- named:<job>    SET  unfinished jobs that have its id in their input
-- awaited:<job>  SET  unfinished jobs that wait for it, or for the array of that id, or did

-- Other jobs and arrays that a batch job names: those in its input (`named`), and those it waits for (`awaited`).
local function for_each_named(job, visit)
  if job.class == 'online' then return end
  for other in string.gmatch(job.named or '', '[^\n]+') do visit('named', other) end
  if not job.dependsOn or job.dependsOn == '' then return end
  for _, parent in ipairs(cjson.decode(job.dependsOn)) do visit('awaited', parent.job) end
end

-- With the birth of a job, and whenever it begins anew; let go at its end.
local function hold_named(id, job)
  for_each_named(job, function(how, other) redis.call('SADD', key(how, other), id) end)
end
local function let_named_go(id, job)
  for_each_named(job, function(how, other) redis.call('SREM', key(how, other), id) end)
end

-- An unfinished job that names this one, or its array; or nil.
local function needed_by(id, job)
  for _, how in ipairs({ 'named', 'awaited' }) do
    local by = redis.call('SRANDMEMBER', key(how, id))
      or job.array and job.array ~= '' and redis.call('SRANDMEMBER', key(how, job.array))
    if by then return by end
  end
  return nil
end
