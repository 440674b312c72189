/**
 * The AWS SDK's client as the S3 store uses it, and what its errors mean.
 *
 * N1 The SDK is loaded when a store on S3 is first used: it costs every process that has none 0.2 s and 20 MB.
 * N2 Nothing is sent that servers other than Amazon's may not know: the SDK's own checksums stay off. Content is
 *    protected on its way all the same, by the SHA-256 in the signature of each request.
 * N3 A socket on which nothing moves is given up after a minute; how long a whole request takes is not limited, because
 *    that is a matter of its size (B5).
 */
import type { S3Client } from "@aws-sdk/client-s3";
import { presetVariable } from "../runtime/config.ts";
import type { S3Address } from "./s3-address.ts";
import { StoreFault, type StoreFaultReason } from "./store.ts";
import type { S3Credentials } from "./store-access.ts";

const CONNECT_MS = 5_000;
const IDLE_MS = 60_000;
const ATTEMPTS = 5;

export type S3Commands = typeof import("@aws-sdk/client-s3");

export interface S3Connection {
  readonly client: S3Client;
  readonly sdk: S3Commands;
}

export interface S3ConnectionOptions {
  /** Null: what the SDK finds by itself. */
  readonly credentials: S3Credentials | null;
  /** N3, ms. */
  readonly idleMs?: number;
}

export async function connectS3(
  address: S3Address,
  { credentials, idleMs = IDLE_MS }: S3ConnectionOptions,
): Promise<S3Connection> {
  // The version is pinned and runs here; that later ones will want a newer Node is no news for an operator's log.
  presetVariable("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true");
  const sdk = await import("@aws-sdk/client-s3"); // N1
  const client = new sdk.S3Client({
    region: address.region,
    ...(address.endpoint === null ? {} : { endpoint: address.endpoint }),
    forcePathStyle: address.style === "path",
    ...(credentials === null ? {} : { credentials: credentialsOf(credentials) }),
    requestChecksumCalculation: "WHEN_REQUIRED", // N2
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: idleMs }, // N3
  });
  return { client, sdk };
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

const FULL: ReadonlySet<string> = new Set([
  "QuotaExceeded",
  "XMinioStorageFull",
  "InsufficientCapacity",
  "EntityTooLarge",
]);
const MISSING: ReadonlySet<string> = new Set(["NoSuchBucket", "AllAccessDisabled"]);

/** The fault of the store that an error of the SDK is. */
export function s3FaultOf(error: unknown, what: string): StoreFault {
  if (error instanceof StoreFault) return error;
  const refusal = refusalOf(error);
  const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const answer = refusal === null ? said : `${said} (HTTP ${refusal.status})`;
  return new StoreFault(reasonOf(error, refusal), `${what}: ${answer}`, { cause: error });
}

function reasonOf(error: unknown, refusal: S3Refusal | null): StoreFaultReason {
  if (error instanceof Error && error.name === "CredentialsProviderError") return "refused";
  if (refusal === null) return "unavailable";
  if (refusal.status === 507 || FULL.has(refusal.code)) return "full";
  return refusal.status === 401 || refusal.status === 403 || MISSING.has(refusal.code) ? "refused" : "unavailable";
}
