/** What becomes of a checkpoint that somebody waits for. */
export type Answered =
  | { readonly kind: "frozen" }
  /** There is nothing to freeze, or nothing new. */
  | { readonly kind: "nothing"; readonly why: string }
  /** It was not written in time. */
  | { readonly kind: "failed"; readonly why: string };
