/**
 * Headers of every answer.
 *
 * H1 Nothing is cached: an answer is a state at a time, and may be private.
 * H2 A browser runs, frames and embeds nothing of it; pages of our own loosen exactly what they need.
 */
export const SECURITY_HEADERS = {
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
} as const;

/** For a page that brings its style with it, named by hash (H2). */
export function pagePolicy(styleSha256: string): string {
  return [
    "default-src 'none'",
    `style-src 'sha256-${styleSha256}'`,
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
