/**
 * W3C Trace Context, version 00: the part of it that Cairn carries from a request to the handler.
 *
 * T1 What is not valid is passed over, as if it had not come.
 * T2 A later version is read by what version 00 knows of it, and sent on as 00; unknown flags are cleared.
 * T3 Each attempt is a child of its own: same trace, its own parent id.
 */
const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const SAMPLED = 1;

/** A valid `traceparent` in the form of version 00, or null (T1, T2). */
export function readTraceparent(header: string | undefined): string | null {
  if (header === undefined) return null;
  const [, version, trace = "", parent = "", flags = "", more] = FORM.exec(header.trim()) ?? [];
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return null;
  if (/^0+$/.test(trace) || /^0+$/.test(parent)) return null;
  return `00-${trace}-${parent}-0${Number.parseInt(flags, 16) & SAMPLED}`;
}

/** The context of a child (T3). @param seed names the child; equal seeds make equal ids */
export function childTraceparent(traceparent: string, seed: string): string {
  return `${traceparent.slice(0, 36)}${spanId(seed)}${traceparent.slice(52)}`;
}

/** 64 bits that tell seeds apart: FNV-1a from two starting points. Never zero, which would be no id. */
function spanId(seed: string): string {
  const id = hash(seed, 0x811c9dc5) + hash(seed, 0x9747b28c);
  return /^0+$/.test(id) ? "0000000000000001" : id;
}

function hash(text: string, start: number): string {
  let value = start;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  // FNV leaves its last characters in the low bits: mix them up (the end of MurmurHash3).
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return ((value ^ (value >>> 16)) >>> 0).toString(16).padStart(8, "0");
}
