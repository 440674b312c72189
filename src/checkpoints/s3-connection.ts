/**
 * The AWS SDK's client as the S3 store uses it, and what its errors mean.
 *
 * N1 The SDK is loaded when a store on S3 is first used: it costs every process that has none 0.2 s and 20 MB.
 * N2 Nothing is sent that servers other than Amazon's may not know: the SDK's own checksums stay off. Content is
 *    protected on its way all the same, by the SHA-256 in the signature of each request. Nor is a part announced with
 *    `Expect: 100-continue`: the SDK opens a connection of its own for each such request, and waits six seconds where
 *    the server does not know it.
 * N3 A socket on which nothing moves is given up after a minute; how long a whole request takes is not limited, because
 *    that is a matter of its size (B5).
 * N4 What S3 says is known by its word before its status: a server that had begun to answer 200 while it put parts
 *    together can only say in the body that it failed, and the SDK then makes a status of its own up.
 */
import type { S3Client } from "@aws-sdk/client-s3";
import { presetVariable } from "../runtime/config.ts";
import type { S3Address } from "./s3-address.ts";
import { StoreFault, type StoreFaultReason } from "./store.ts";
import type { S3Credentials } from "./store-access.ts";

const CONNECT_MS = 5_000;
const IDLE_MS = 60_000;
const ATTEMPTS = 5;
const DEFAULT_REGION = "us-east-1";

export type S3Commands = typeof import("@aws-sdk/client-s3");

export interface S3Connection {
  readonly client: S3Client;
  readonly sdk: S3Commands;
}

export interface S3ConnectionOptions {
  /** Null: what the SDK finds by itself. */
  readonly credentials: S3Credentials | null;
  /** Variables that the SDK finds things by, for a process that was started without them. */
  readonly environment?: Readonly<Record<string, string>>;
  /** N3, ms. */
  readonly idleMs?: number;
}

export async function connectS3(
  address: S3Address,
  { credentials, environment = {}, idleMs = IDLE_MS }: S3ConnectionOptions,
): Promise<S3Connection> {
  // The version is pinned and runs here; that later ones will want a newer Node is no news for an operator's log.
  presetVariable("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true");
  for (const [name, value] of Object.entries(environment)) presetVariable(name, value);
  const sdk = await import("@aws-sdk/client-s3"); // N1
  const client = new sdk.S3Client({
    region: await regionOf(address, sdk),
    ...(address.endpoint === null ? {} : { endpoint: address.endpoint }),
    forcePathStyle: address.style === "path",
    ...(credentials === null ? {} : { credentials: credentialsOf(credentials) }),
    requestChecksumCalculation: "WHEN_REQUIRED", // N2
    responseChecksumValidation: "WHEN_REQUIRED",
    expectContinueHeader: false,
    maxAttempts: ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: idleMs }, // N3
  });
  return { client, sdk };
}

/**
 * The region that signs. A server of one's own has one or none, whatever it is called; for Amazon's the SDK looks
 * where it looks for keys (`AWS_REGION`, a profile), and a bucket of nobody knows where is tried where S3 began.
 */
async function regionOf(address: S3Address, sdk: S3Commands): Promise<string> {
  if (address.region !== null) return address.region;
  if (address.endpoint !== null) return DEFAULT_REGION;
  return await new sdk.S3Client({}).config.region().catch(() => DEFAULT_REGION);
}

function credentialsOf({ accessKeyId, secretAccessKey, sessionToken }: S3Credentials) {
  return { accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }) };
}

/** What the server said: the HTTP status, and S3's own word, for example `NoSuchKey`. */
export interface S3Refusal {
  readonly status: number;
  readonly code: string;
}

/** @returns null when the error is no answer of the server */
export function refusalOf(error: unknown): S3Refusal | null {
  if (!(error instanceof Error) || !("$metadata" in error)) return null;
  const { httpStatusCode } = error.$metadata as { readonly httpStatusCode?: number };
  return httpStatusCode === undefined ? null : { status: httpStatusCode, code: error.name };
}

/** Somebody else made the name (N4). */
export function isTakenBy({ status, code }: S3Refusal): boolean {
  return status === 412 || code === "PreconditionFailed";
}

/** Somebody else is making or deleting the name just now; Amazon does not decide then (N4). */
export function isConflict({ status, code }: S3Refusal): boolean {
  return status === 409 || code === "ConditionalRequestConflict";
}

const FULL: ReadonlySet<string> = new Set([
  "QuotaExceeded",
  "XMinioStorageFull",
  "InsufficientCapacity",
  "EntityTooLarge",
]);
/** Asking again does not help (beside 401 and 403): a person has to change something. */
const REFUSED: ReadonlySet<string> = new Set([
  "NoSuchBucket",
  "InvalidBucketName",
  "AllAccessDisabled",
  "ExpiredToken",
  "InvalidToken",
]);
/** The server does not know who asks. */
const UNKNOWN_KEYS: ReadonlySet<string> = new Set(["InvalidAccessKeyId", "SignatureDoesNotMatch"]);
/** The bucket is elsewhere than the request was signed for. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  "PermanentRedirect",
  "AuthorizationHeaderMalformed",
  "IllegalLocationConstraintException",
]);

/** The fault of the store that an error of the SDK is. */
export function s3FaultOf(error: unknown, what: string): StoreFault {
  if (error instanceof StoreFault) return error;
  const refusal = refusalOf(error);
  const said = error instanceof Error ? wordsOf(error) : String(error);
  const answer = refusal === null ? said : `${said} (HTTP ${refusal.status})${hintOn(refusal)}`;
  return new StoreFault(reasonOf(error, refusal), `${what}: ${answer}`, { cause: error });
}

/** Some servers (Ceph's) say a code and no more, for which the SDK makes up `UnknownError`. */
function wordsOf({ name, message }: Error): string {
  return message === "" || message === "UnknownError" ? name : `${name}: ${message}`;
}

function hintOn({ status, code }: S3Refusal): string {
  if (ELSEWHERE.has(code)) return "; name the region of the bucket in the address of the store: ?region=…";
  if (code === "ExpiredToken") return "; the temporary key is over: set a new one, or take a role that the SDK renews";
  if (code === "RequestTimeTooSkewed") return "; set the clock of this machine";
  if (code === "NoSuchBucket") return "; make it, or name another one in the address of the store";
  if (code === "EntityTooLarge") return "; this server takes no object of that size";
  if (FULL.has(code)) return "; make room, or have the quota raised";
  if (UNKNOWN_KEYS.has(code)) return "; look at CAIRN_S3_ACCESS_KEY_ID and CAIRN_S3_SECRET_ACCESS_KEY";
  // Without the right to list, Amazon answers 403 instead of 404 for what does not exist.
  if (status === 403) {
    return "; the rights that a store needs, s3:ListBucket among them, are listed in the README";
  }
  return "";
}

function reasonOf(error: unknown, refusal: S3Refusal | null): StoreFaultReason {
  if (error instanceof Error && error.name === "CredentialsProviderError") return "refused";
  if (refusal === null) return "unavailable";
  if (refusal.status === 507 || FULL.has(refusal.code)) return "full";
  const { status, code } = refusal;
  if (status === 401 || status === 403 || REFUSED.has(code) || ELSEWHERE.has(code)) return "refused";
  return "unavailable";
}
