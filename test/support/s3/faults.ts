/** What goes wrong on purpose at the S3 server for tests. */

export type Operation =
  | "PutObject"
  | "GetObject"
  | "HeadObject"
  | "DeleteObject"
  | "ListObjectsV2"
  | "CreateMultipartUpload"
  | "UploadPart"
  | "CompleteMultipartUpload"
  | "AbortMultipartUpload"
  | "ListMultipartUploads"
  | "ListParts";

/**
 * - `answer`: an error instead of doing it; its `message` is its code, or there is none (null), as from Ceph
 * - `answer_late`: the error in the body of an answer that had begun as 200, as Amazon's at the end of an upload
 * - `cut_before`: the connection ends before anything is done
 * - `cut_after`: it is done, and the connection ends before the answer
 * - `cut_half`: half of the content is sent
 * - `hang`: no answer ever
 */
export type Fault =
  | { readonly kind: "answer"; readonly status: number; readonly code: string; readonly message?: null }
  | { readonly kind: "answer_late"; readonly code: string }
  | { readonly kind: "cut_before" | "cut_after" | "cut_half" | "hang" };

interface Planned {
  readonly operation: Operation;
  readonly key: string | null;
  readonly fault: Fault;
  left: number;
}

export class FaultPlan {
  readonly #planned: Planned[] = [];

  /** The next `times` requests of this kind (for `key`, if given) meet the fault. */
  next(operation: Operation, fault: Fault, { times = 1, key = null as string | null } = {}): void {
    this.#planned.push({ operation, key, fault, left: times });
  }

  take(operation: Operation, key: string): Fault | null {
    const planned = this.#planned.find(
      (plan) => plan.left > 0 && plan.operation === operation && (plan.key === null || plan.key === key),
    );
    if (planned === undefined) return null;
    planned.left -= 1;
    return planned.fault;
  }
}
