/**
 * Who asks, for fair shares: the name a caller gives itself, else where it comes from.
 *
 * K1 `Cairn-Caller` is a word of 1 to 64 letters, digits and `. _ @ -`. Nobody proves it: it keeps honest callers out of
 *    each other's way, and is no protection from a liar.
 * K2 Without the header each remote address is a caller of its own, so that two services do not share one queue merely
 *    because neither was told of the header; of IPv6 the network (/64) counts, since a host has as many addresses there
 *    as it likes. Behind a proxy all without a name are one caller.
 * K3 The two cannot be mistaken for each other: an address begins with `address:`, and a name has no colon.
 */
const CALLER = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
const MAPPED = "::ffff:";

export const CALLER_RULE = "is not 1 to 64 letters, digits, `.`, `_`, `@` or `-`, of which the first is no sign";

/** K1 @returns null when it is not usable */
export function readCaller(header: string): string | null {
  return CALLER.test(header) ? header : null;
}

/** K2 @param address of the other end, as the socket tells it; undefined when it is gone */
export function anonymousCaller(address: string | undefined): string {
  if (address === undefined) return "address:unknown";
  if (!address.includes(":")) return `address:${address}`;
  if (address.startsWith(MAPPED) && address.includes(".")) return `address:${address.slice(MAPPED.length)}`;
  return `address:${networkOf(address)}`;
}

/** The first four of eight groups, in full: `2001:db8::1` is in `2001:db8:0:0`. */
function networkOf(address: string): string {
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  return [...before, ...zeros, ...after].slice(0, 4).join(":");
}
