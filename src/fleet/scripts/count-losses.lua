-- Counts the time that workers lived since it was last called, and takes in the losses noted meanwhile; both fade.
-- KEYS: root tag. ARGV: workers alive, memory long (ms), memory recent (ms), longest time counted at once (ms)
-- Returns {longLosses, longMs, recentLosses, recentMs}
local counts = KEYS[1] .. ':failures'
local time = redis.call('TIME')
local at = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', counts, 'at', 'losses', 'longLosses', 'longMs', 'recentLosses', 'recentMs')
local function number(index) return tonumber(known[index] or '0') or 0 end
-- Nobody looked for longer than that, so nobody knows who lived.
local passed = math.min(math.max(at - (known[1] and number(1) or at), 0), tonumber(ARGV[4]))
local lived, losses = passed * tonumber(ARGV[1]), number(2)
local long, recent = math.exp(-passed / tonumber(ARGV[2])), math.exp(-passed / tonumber(ARGV[3]))
local new = {
  string.format('%.6f', number(3) * long + losses), string.format('%.0f', number(4) * long + lived),
  string.format('%.6f', number(5) * recent + losses), string.format('%.0f', number(6) * recent + lived),
}
redis.call('HSET', counts, 'at', at, 'losses', 0, 'longLosses', new[1], 'longMs', new[2], 'recentLosses', new[3], 'recentMs', new[4])
return new
