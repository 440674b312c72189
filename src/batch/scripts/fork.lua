-- Makes a job that begins at a checkpoint of another. The files stay where they are: the parent keeps that checkpoint
-- until the fork has no use for it any more (FK1).
-- KEYS: root tag
-- ARGV: parent, id of the fork, notAfter (ms), from (last | start | seq), by, then field, value … that differ from the parent's
-- Returns {'created', ticket | ''} | {'replayed'} | {'not_found'} | {'unknown_checkpoint'} | {'too_late'}
--
-- FK1 forks:<parent> HASH  fork → number of the checkpoint it stands on. Whoever deletes checkpoints looks there
--     (`commit.lua`, `sweep.lua`, `forget`); the entry goes when the fork drops that checkpoint from those it keeps, or
--     is swept or forgotten.
-- @include birth
local parent_id, id, from, by = ARGV[1], ARGV[2], ARGV[4], ARGV[5]
local at = now_ms()
if at > tonumber(ARGV[3]) then return { 'too_late' } end
if redis.call('EXISTS', key('job', id)) == 1 then return { 'replayed' } end
local parent = load(parent_id)
if not parent then return { 'not_found' } end

local checkpoint = nil
if from == 'last' then from = parent.ckSeq or '' end
if from ~= 'start' and from ~= '' then
  local raw = redis.call('HGET', key('checkpoints', parent_id), from)
  checkpoint = raw and cjson.decode(raw)
  if not checkpoint or checkpoint.state ~= 'committed' then return { 'unknown_checkpoint' } end
end

local job = {}
for _, field in ipairs({ 'task', 'class', 'definition', 'version', 'pool', 'queue', 'priority', 'input', 'named', 'caller', 'timeoutMs', 'maxRetries',
  'keep', 'intervalMs', 'minIntervalMs', 'maxIntervalMs', 'backoff', 'labels', 'labelTerms' }) do
  job[field] = parent[field] or ''
end
for i = 6, #ARGV, 2 do job[ARGV[i]] = ARGV[i + 1] end
job.by, job.dependsOn, job.forkOf = by, '', parent_id
if checkpoint then job.forkSeq = from end
birth(id, job, {}, at, '', '')
if checkpoint then
  local progress = checkpoint.progress
  if progress == cjson.null or progress == nil then progress = '' end
  patch_record(id, job, {
    ckSeq = from, ckAt = checkpoint.at, ckBytes = checkpoint.bytes, ckProgress = progress,
    ckManifest = checkpoint.manifest, ckSha = checkpoint.manifestSha256, nextSeq = tonumber(from) + 1,
  })
  -- Its lineage begins here; of whom the files are stands with it. A fork of a fork that stands on the first job's files
  -- keeps those.
  local owner = checkpoint.of or parent_id
  checkpoint.of, checkpoint.parent = owner, cjson.null
  redis.call('HSET', key('checkpoints', id), from, cjson.encode(checkpoint))
  redis.call('HSET', key('forks', owner), id, from)
end
emit(parent_id, parent, at, 'forked', { by = by, fork = id, from = from })
return { 'created', ticket(id, job) }
