/** Which checkpoints an attempt may start from. */
import type { RawJob, StoredCheckpoint } from "./record.ts";

/** From the record's checkpoint along `parent`: what an attempt may start from, never "the newest in the folder". */
export function lineageOf(record: RawJob, stored: Readonly<Record<string, string>>): StoredCheckpoint[] {
  const lineage: StoredCheckpoint[] = [];
  let seq: number | null = record["ckSeq"] === undefined || record["ckSeq"] === "" ? null : Number(record["ckSeq"]);
  while (seq !== null) {
    const text: string | undefined = stored[String(seq)];
    if (text === undefined) break;
    const checkpoint = JSON.parse(text) as StoredCheckpoint;
    if (checkpoint.state === "committed") lineage.push(checkpoint);
    seq = checkpoint.parent;
  }
  return lineage;
}
