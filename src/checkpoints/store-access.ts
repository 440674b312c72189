/** What stores ask for from those who come over a network. Secrets: never in a URL, an argument or a log. */
export interface StoreAccess {
  /** Of an S3 store; null: what the AWS SDK finds by itself (a profile, the role of the machine). */
  readonly s3: S3Credentials | null;
  /** Of a `cairn store`; null: it asks for none. */
  readonly token: string | null;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
}

export const NO_STORE_ACCESS: StoreAccess = { s3: null, token: null };
