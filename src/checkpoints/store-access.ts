/** What stores ask for from those who come over a network. Secrets: never in a URL, an argument or a log. */
export interface StoreAccess {
  /** Of an S3 store; null: what the AWS SDK finds by itself (a profile, the role of the machine). */
  readonly s3: S3Credentials | null;
  /** Variables that the AWS SDK finds keys and region by (`awsVariables`), for processes that are started without. */
  readonly sdk?: Readonly<Record<string, string>>;
  /** Of a `cairn store`; null: it asks for none. */
  readonly token: string | null;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
}

export const NO_STORE_ACCESS: StoreAccess = { s3: null, token: null };

/** The settings that hold them (`src/runtime/config.ts`). */
export interface StoreAccessSettings {
  readonly s3AccessKeyId?: string | undefined;
  readonly s3SecretAccessKey?: string | undefined;
  readonly s3SessionToken?: string | undefined;
  readonly storeToken?: string | undefined;
}

/** @throws TypeError when half of a pair of keys is missing */
export function storeAccessFrom(settings: StoreAccessSettings): StoreAccess {
  const { s3AccessKeyId, s3SecretAccessKey, s3SessionToken = null, storeToken: token = null } = settings;
  if (s3AccessKeyId === undefined && s3SecretAccessKey === undefined) return { s3: null, token };
  if (s3AccessKeyId === undefined || s3SecretAccessKey === undefined) {
    throw new TypeError(
      "CAIRN_S3_ACCESS_KEY_ID and CAIRN_S3_SECRET_ACCESS_KEY belong together: one of them is not set",
    );
  }
  return {
    s3: { accessKeyId: s3AccessKeyId, secretAccessKey: s3SecretAccessKey, sessionToken: s3SessionToken },
    token,
  };
}
