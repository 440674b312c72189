-- A process that was lost without notice counts as a failure of the fleet, and of its zone ('' or nil: none). FB1 of
-- fleet/failure-book.ts. `root` is the root tag.
local function count_loss(zone)
  redis.call('HINCRBY', root .. ':failures', 'losses', 1)
  if zone and zone ~= '' then redis.call('HINCRBY', root .. ':failures', 'losses@' .. zone, 1) end
end
