/** Something to send on which nothing depends: when it is lost, time is lost, nothing else. */
import type { Parcel } from "./outbox.ts";

export class SimpleParcel implements Parcel {
  readonly text: string;
  readonly wanted = true;

  constructor(text: string) {
    this.text = text;
  }
  pushed(): void {
    // Nothing depends on it.
  }
  notPushed(): void {
    // Nothing depends on it.
  }
}
