/**
 * Aborts multipart uploads whose writer is dead.
 *
 * P1 Dead is who has neither begun nor sent a part for an hour. If it is not dead its upload fails and nothing else.
 * P2 Times are compared with a time from the same server: of an object that was written for that.
 */
import type { MultipartUpload } from "@aws-sdk/client-s3";
import { isName } from "./names.ts";
import { refusalOf, type S3Connection } from "./s3-connection.ts";

const ABANDONED_MS = 3_600_000;

/** @returns how many uploads under `prefix` were aborted */
export async function sweepUploads(connection: S3Connection, bucket: string, prefix: string): Promise<number> {
  const { client, sdk } = connection;
  let nowMs: number | null = null;
  let swept = 0;
  for await (const { Key, UploadId, Initiated } of uploads(connection, bucket, prefix)) {
    if (Key === undefined || UploadId === undefined || Initiated === undefined) continue;
    if (!isName(Key.slice(prefix.length))) continue; // Not ours: others use the bucket too.
    nowMs ??= await serverTimeMs(connection, bucket, `${prefix}.cairn-clock`);
    if (nowMs - Initiated.getTime() < ABANDONED_MS) continue;
    const lastMs = await lastPartMs(connection, bucket, Key, UploadId);
    if (lastMs === "gone" || nowMs - lastMs < ABANDONED_MS) continue; // P1
    await client.send(new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }));
    swept += 1;
  }
  return swept;
}

async function* uploads({ client, sdk }: S3Connection, Bucket: string, Prefix: string): AsyncIterable<MultipartUpload> {
  let after: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (;;) {
    const page = await client.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix, ...after }));
    yield* page.Uploads ?? [];
    if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return;
    after = { KeyMarker: page.NextKeyMarker };
    if (page.NextUploadIdMarker !== undefined) after.UploadIdMarker = page.NextUploadIdMarker;
  }
}

/** P2 */
async function serverTimeMs({ client, sdk }: S3Connection, Bucket: string, Key: string): Promise<number> {
  await client.send(new sdk.PutObjectCommand({ Bucket, Key, Body: "-" }));
  const { LastModified } = await client.send(new sdk.HeadObjectCommand({ Bucket, Key }));
  if (LastModified === undefined) throw new Error("the server does not say when an object was written");
  return LastModified.getTime();
}

/** When the newest part came; 0 if none has. */
async function lastPartMs(
  { client, sdk }: S3Connection,
  Bucket: string,
  Key: string,
  UploadId: string,
): Promise<number | "gone"> {
  let last = 0;
  let after: { PartNumberMarker?: string } = {};
  try {
    for (;;) {
      const page = await client.send(new sdk.ListPartsCommand({ Bucket, Key, UploadId, ...after }));
      for (const { LastModified } of page.Parts ?? []) last = Math.max(last, LastModified?.getTime() ?? 0);
      if (page.IsTruncated !== true || page.NextPartNumberMarker === undefined) return last;
      after = { PartNumberMarker: page.NextPartNumberMarker };
    }
  } catch (error) {
    if (refusalOf(error)?.code === "NoSuchUpload") return "gone";
    throw error;
  }
}
