/** AWS Signature Version 4, as a server checks it: who signed this request, and with the right key? */
import { createHash, createHmac } from "node:crypto";
import type { IncomingMessage } from "node:http";

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** @returns S3's code for what is wrong; null if nothing is */
export function signatureFault(request: IncomingMessage, keys: Keys): string | null {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^/]+)\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]+)$/.exec(
      request.headers.authorization ?? "",
    );
  if (match === null) return "AccessDenied";
  const [, id, day, region, signedHeaders, signature] = match;
  if (id !== keys.accessKeyId) return "InvalidAccessKeyId";
  const names = signedHeaders!.split(";");
  const { pathname, searchParams } = new URL(request.url!, "http://server");
  const payload = headerOf(request, "x-amz-content-sha256");
  // What decides about the fate of an object has to be signed, or somebody on the way could change it.
  if (!names.includes("host") || !names.includes("x-amz-content-sha256")) return "AccessDenied";
  const canonical = [
    request.method,
    pathname,
    [...searchParams]
      .map(([name, value]) => `${escape(name)}=${escape(value)}`)
      .sort()
      .join("&"),
    ...names.map((name) => `${name}:${headerOf(request, name).trim()}`),
    "",
    signedHeaders,
    payload,
  ].join("\n");
  const date = headerOf(request, "x-amz-date");
  const scope = `${day}/${region}/s3/aws4_request`;
  const key = [region!, "s3", "aws4_request"].reduce(hmac, hmac(`AWS4${keys.secretAccessKey}`, day!));
  const expected = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`).toString("hex");
  return expected === signature ? null : "SignatureDoesNotMatch";
}

/** When it was signed, by the clock of who signed it; NaN when it does not say. */
export function signedAtMs(request: IncomingMessage): number {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(headerOf(request, "x-amz-date")) ?? [];
  const [year = NaN, month = NaN, ...rest] = parts.map(Number);
  return Date.UTC(year, month - 1, ...rest);
}

function headerOf(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : (value ?? "");
}

function escape(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
