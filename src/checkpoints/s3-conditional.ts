/**
 * Does this server create conditionally? Older and simpler ones take `If-None-Match: *` and overwrite all the same:
 * with them nothing would be write-once (B1), and two attempts could both believe that theirs is the outcome. So it is
 * tried, before anything is stored, on a key that no name in a store can have (A1).
 *
 * Q1 The key is made by whoever asks first and is then never deleted: from then on asking is one refused request.
 * Q2 A server may check it for whole objects and ignore it at the end of a multipart upload (Ceph's does); that is tried
 *    too, before the first of those. It is no reason to refuse the server: see U5 in `s3-upload.ts`.
 */
import { isConflict, isTakenBy, refusalOf, type S3Connection } from "./s3-connection.ts";
import { StoreFault } from "./store.ts";

/** Refused because it exists, or because somebody else is making it right now. */
function isTaken(error: unknown): boolean {
  const refusal = refusalOf(error);
  return refusal !== null && (isTakenBy(refusal) || isConflict(refusal));
}

/** @throws StoreFault `refused` when the server overwrites what exists */
export async function demandConditionalPut({ client, sdk }: S3Connection, Bucket: string, Key: string): Promise<void> {
  const put = () => client.send(new sdk.PutObjectCommand({ Bucket, Key, Body: "-", IfNoneMatch: "*" }));
  const overwrites = new StoreFault(
    "refused",
    "this S3 server does not honour If-None-Match on PutObject, so it cannot keep checkpoints: what is stored would " +
      "not be write-once. Take a server that does (Amazon S3 does), or `cairn store` with a folder",
  );
  for (let time = 1; time <= 2; time += 1) {
    // Q1: the first time it may be new; not the second time.
    try {
      await put();
    } catch (error) {
      if (isTaken(error)) return;
      if (refusalOf(error)?.status === 501) throw overwrites;
      throw error;
    }
  }
  throw overwrites;
}

/** Does the server create conditionally at the end of a multipart upload too (Q2)? The key exists. */
export async function checksOnComplete({ client, sdk }: S3Connection, Bucket: string, Key: string): Promise<boolean> {
  const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key }));
  const upload = { Bucket, Key, UploadId };
  try {
    const { ETag } = await client.send(new sdk.UploadPartCommand({ ...upload, PartNumber: 1, Body: "-" }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    await client.send(new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload, IfNoneMatch: "*" }));
    return false;
  } catch (error) {
    await client.send(new sdk.AbortMultipartUploadCommand(upload)).catch(() => undefined);
    if (isTaken(error)) return true;
    if (refusalOf(error)?.status === 501) return false;
    throw error;
  }
}
