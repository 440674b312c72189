/** JSON Pointers (RFC 6901): how an error names the place in a body. */

/** One step further down. */
export function appendPointer(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** From a path of keys and indexes. */
export function toPointer(path: readonly PropertyKey[]): string {
  return path.reduce<string>((pointer, key) => appendPointer(pointer, String(key)), "");
}
