/** Where an S3 store is: `s3://bucket/prefix?region=…&endpoint=…&style=path|virtual`. */

export interface S3Address {
  readonly bucket: string;
  /** Begins every key; empty, or ends with a slash. */
  readonly prefix: string;
  /** Null: what the SDK finds by itself. */
  readonly region: string | null;
  /** Null: Amazon's, for the region. */
  readonly endpoint: string | null;
  /** Does the bucket stand in the path (`http://host/bucket/key`), or in the host name? */
  readonly style: "path" | "virtual";
}

const PARAMETERS: ReadonlySet<string> = new Set(["region", "endpoint", "style"]);
const BUCKET = /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/;
/** A key has at most 1,024 bytes, and the names in a store need some 250 of them. */
const MOST_PREFIX = 700;
const PREFIX_PART = /^[A-Za-z0-9._-]+$/;

/** @throws TypeError when `url` is not the address of an S3 store, or holds credentials */
export function parseS3Url(url: string): S3Address {
  const refuse = (why: string): never => {
    throw new TypeError(`an S3 store is s3://bucket/prefix?region=…&endpoint=…: ${why}`);
  };
  // The URL itself is in no message: it may hold what nobody should see.
  const parsed = URL.canParse(url) ? new URL(url) : refuse("this is no URL");
  if (parsed.username !== "" || parsed.password !== "") {
    refuse("credentials do not belong into the URL; set CAIRN_S3_ACCESS_KEY_ID and CAIRN_S3_SECRET_ACCESS_KEY");
  }
  if (!BUCKET.test(parsed.hostname)) refuse(`"${parsed.hostname}" is no name of a bucket`);
  const parts = parsed.pathname.split("/").filter((part) => part !== "");
  if (!parts.every((part) => PREFIX_PART.test(part))) refuse(`"${parsed.pathname}" is no prefix`);
  if (parsed.pathname.length > MOST_PREFIX) refuse(`a prefix has at most ${MOST_PREFIX} characters`);
  const unknown = [...parsed.searchParams.keys()].find((name) => !PARAMETERS.has(name));
  if (unknown !== undefined) refuse(`there is no parameter "${unknown}"`);
  const endpoint = parsed.searchParams.get("endpoint");
  if (endpoint !== null && !(URL.canParse(endpoint) && /^https?:\/\//.test(endpoint))) {
    refuse("the endpoint is an http:// or https:// address");
  }
  const style = parsed.searchParams.get("style") ?? (endpoint === null ? "virtual" : "path");
  if (style !== "path" && style !== "virtual") return refuse("style is path or virtual");
  return {
    bucket: parsed.hostname,
    prefix: parts.map((part) => `${part}/`).join(""),
    region: parsed.searchParams.get("region"),
    endpoint,
    style,
  };
}
