-- Counts the time that workers lived since it was last called, and takes in the losses noted meanwhile; both fade.
-- Of the fleet under `losses`, `longMs`, …; of each zone under `losses@<zone>`, …
-- KEYS: root tag
-- ARGV: memory long (ms), memory recent (ms), longest time counted at once (ms), then zone ("": none), workers alive there …
-- Returns {zone ("": the fleet), longLosses, longMs, recentLosses, recentMs} of each
local counts = KEYS[1] .. ':failures'
local time = redis.call('TIME')
local at = time[1] * 1000 + math.floor(time[2] / 1000)
local known, flat = {}, redis.call('HGETALL', counts)
for i = 1, #flat, 2 do known[flat[i]] = flat[i + 1] end
local function number(field) return tonumber(known[field] or '0') or 0 end
-- Nobody looked for longer than that, so nobody knows who lived.
local passed = math.min(math.max(at - (known.at and number('at') or at), 0), tonumber(ARGV[3]))
local long, recent = math.exp(-passed / tonumber(ARGV[1])), math.exp(-passed / tonumber(ARGV[2]))

local alive = { [''] = 0 }
for field in pairs(known) do
  local zone = string.match(field, '^%a+@(.+)$')
  if zone then alive[zone] = 0 end
end
for i = 4, #ARGV, 2 do
  alive[''] = alive[''] + tonumber(ARGV[i + 1])
  if ARGV[i] ~= '' then alive[ARGV[i]] = tonumber(ARGV[i + 1]) end
end

local reply = {}
for zone, workers in pairs(alive) do
  local suffix = zone == '' and '' or '@' .. zone
  local lived, losses = passed * workers, number('losses' .. suffix)
  local new = {
    string.format('%.6f', number('longLosses' .. suffix) * long + losses), string.format('%.0f', number('longMs' .. suffix) * long + lived),
    string.format('%.6f', number('recentLosses' .. suffix) * recent + losses), string.format('%.0f', number('recentMs' .. suffix) * recent + lived),
  }
  local names = { 'longLosses' .. suffix, 'longMs' .. suffix, 'recentLosses' .. suffix, 'recentMs' .. suffix, 'losses' .. suffix }
  if zone ~= '' and workers == 0 and losses == 0 and tonumber(new[1]) < 0.01 then
    -- Nobody stands there any more, and what was seen there has faded.
    redis.call('HDEL', counts, 'mtbfMs' .. suffix, unpack(names))
  else
    redis.call('HSET', counts, names[1], new[1], names[2], new[2], names[3], new[3], names[4], new[4], names[5], 0)
    reply[#reply + 1] = { zone, new[1], new[2], new[3], new[4] }
  end
end
redis.call('HSET', counts, 'at', at)
return reply
