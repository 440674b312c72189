/**
 * Where an attempt goes.
 *
 * P1 The first goes to the task's list, where the replica that is free first takes it.
 * P2 While live replicas have a definition that does not take the input, each attempt goes to one that has another.
 * P3 A retry or repeat goes to a replica not tried yet, on another worker if there is one; when all were tried, to
 *    whoever takes it. A hedge goes to one with a free slot, or is not started.
 * P4 A repeat that cost nobody anything does not stand in line at a full replica while others get free: task's list.
 * P5 Who is set aside (parked, unfit) gets nothing while another one takes the input; else better he than nobody.
 */
import { chooseReplica, type Tried } from "../domain/replica-choice.ts";
import type { Keys } from "../redis/keys.ts";
import { Attempt, type AttemptReason, type Invocation } from "./invocation.ts";
import type { Outbox } from "./outbox.ts";
import { SimpleParcel } from "./simple-parcel.ts";
import { roomFor, type KnownReplica, type ReplicaDirectory } from "./replica-directory.ts";

/** An attempt of which nothing is heard for so long, or for a third of the deadline, is looked after. */
const CHECK_MS = 1_000;
/** A job may have a deadline far away: it is looked after as if somebody waited. */
const LONGEST_PATIENCE_MS = 60_000;

export interface DispatcherOptions {
  readonly directory: ReplicaDirectory;
  readonly outbox: Outbox;
  readonly keys: Keys;
  readonly random: () => number;
}

type Place = { readonly kind: "shared" } | { readonly kind: "alone"; readonly replica: KnownReplica };

export class Dispatcher {
  readonly #options: DispatcherOptions;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Sends the next attempt. @returns null when there is nobody to send it to */
  send(invocation: Invocation, why: AttemptReason, nowMs: number): Attempt | null {
    const { outbox, keys, directory } = this.#options;
    const place = this.#place(invocation, why);
    if (place === null) return null;
    const target = place.kind === "alone" ? place.replica : null;
    const checkAtMs = nowMs + silenceMs(invocation);
    const attempt = new Attempt({ invocation, why, target, sentAtMs: nowMs, checkAtMs });
    invocation.attempts.push(attempt);
    if (target === null) outbox.send(keys.taskList(invocation.task), attempt);
    else {
      directory.noteSent(target.id);
      outbox.send(keys.replicaList(invocation.task, target.id), attempt);
    }
    return attempt;
  }

  /**
   * Copies the request to a replica that is parked. Nobody waits for the copy: it is over as far as the request is
   * concerned, and an `ok` is good all the same.
   * @returns null when the replica is gone, or has another definition
   */
  probe(invocation: Invocation, replica: string, nowMs: number): Attempt | null {
    const { outbox, keys, directory } = this.#options;
    const target = directory.find(replica);
    if (target === null || !takes(target, invocation)) return null;
    const attempt = new Attempt({ invocation, why: "probe", target, sentAtMs: nowMs, checkAtMs: nowMs });
    attempt.end("probe", nowMs);
    invocation.attempts.push(attempt);
    outbox.send(keys.replicaList(invocation.task, replica), new SimpleParcel(attempt.text));
    return attempt;
  }

  #place(invocation: Invocation, why: AttemptReason): Place | null {
    const { ready, aside, definitions } = this.#options.directory.replicasOf(invocation.task);
    const shared = definitions.every((one) => invocation.definitions.includes(one)); // P2
    if (why === "first" && shared) return { kind: "shared" }; // P1
    let fitting = shared ? ready : ready.filter((one) => takes(one, invocation));
    if (fitting.length === 0 && why !== "hedge") fitting = aside.filter((one) => takes(one, invocation)); // P5
    const candidates = why === "hedge" ? fitting.filter((one) => roomFor(one, invocation.task) > 0) : fitting;
    const { random } = this.#options;
    const choice = chooseReplica(candidates, triedBy(invocation), random); // P3
    if (why === "hedge") return choice === null ? null : { kind: "alone", replica: choice };
    if (shared && (choice === null || (why === "repeat" && roomFor(choice, invocation.task) <= 0)))
      return { kind: "shared" }; // P3, P4
    const any = choice ?? chooseReplica(fitting, { replicas: new Set(), workers: new Set() }, random);
    return any === null ? null : { kind: "alone", replica: any };
  }
}

/** How long silence about an attempt is nothing to look after, ms. */
export function silenceMs(invocation: Invocation): number {
  return Math.max(CHECK_MS, Math.min(invocation.deadlineMs, LONGEST_PATIENCE_MS) / 3);
}

function takes(replica: KnownReplica, invocation: Invocation): boolean {
  const definition = replica.beat.tasks[invocation.task]?.definition;
  return definition !== undefined && invocation.definitions.includes(definition);
}

function triedBy(invocation: Invocation): Tried {
  const replicas = new Set<string>();
  const workers = new Set<string>();
  for (const { replica, worker, outcome } of invocation.attempts) {
    if (outcome === "not_sent") continue;
    if (replica !== null) replicas.add(replica);
    if (worker !== null) workers.add(worker);
  }
  return { replicas, workers };
}
