/**
 * What silence and losses mean for an attempt.
 *
 * I1 Every silence ends in a question, so that a lost message costs a retry and never a hang: where is it (in its
 *    list, or popped), and if a replica said that it has it: does it still?
 * I2 Still listed: only busy; it keeps its place.
 * I3 Popped, and nobody says within `GRACE_MS` that he has it: whoever took it is dead, or never got it.
 * I4 A task that is not idempotent and may have started is never sent again: when nothing more can be learnt, the
 *    caller is told `outcome_unknown`.
 * I5 A request whose replicas were lost `MAX_LOSSES` times is not given another one to kill. What Redis has lost does
 *    not count. Which of the two it was shows later when an attempt is given up sooner than a replica is called lost:
 *    then it counts when a replica is lost that may have had it (E8 of `referee.ts`).
 */
import type { RedisFault } from "../redis/fault.ts";
import type { CommandLink } from "./command-link.ts";
import { silenceMs } from "./dispatcher.ts";
import { MAX_LOSSES, type Attempt, type Invocation } from "./invocation.ts";
import { GRACE_MS, type InvocationTable } from "./invocation-table.ts";
import { DESERTED_MS, type Referee } from "./referee.ts";
import type { ReplicaDirectory } from "./replica-directory.ts";
import type { Verifier } from "./verifier.ts";

/** When Redis took the words of a submission and said nothing: how long until the caller is told. When it is mute, that
 *  is found out no sooner (`command-link.ts`); when it closed the connection, it may be back before. */
const REFUSE_MS = 400;
/** A replica that is called lost was silent for longer than this: what is younger it cannot have taken. */
const TAKEN_BEFORE_MS = 500;
const LOOK_AGAIN_MS = 50;

export interface InquestOptions {
  readonly nowMs: () => number;
  readonly link: CommandLink;
  readonly table: InvocationTable;
  readonly referee: Referee;
  readonly directory: ReplicaDirectory;
  readonly verifier: Verifier;
}

export class Inquest {
  readonly #options: InquestOptions;
  #lastLossMs = Number.NEGATIVE_INFINITY;

  constructor(options: InquestOptions) {
    this.#options = options;
  }

  /** The timer of a request: looks after the attempts whose silence has lasted. */
  due(invocation: Invocation, now: number): void {
    for (const attempt of invocation.attempts) {
      if (invocation.over) return;
      if (!attempt.open) continue;
      if (attempt.vanishedAtMs !== null) {
        if (now >= attempt.vanishedAtMs + GRACE_MS) this.#vanished(attempt, now); // I3
      } else if (now >= attempt.checkAtMs) this.#look(attempt, now);
    }
  }

  /** I1 */
  #look(attempt: Attempt, now: number): void {
    const { directory, verifier } = this.#options;
    attempt.checkAtMs = now + silenceMs(attempt.invocation);
    if (attempt.unconfirmed) this.#confirm(attempt, now);
    else if (attempt.state === "taken" && attempt.replica !== null) {
      if (directory.find(attempt.replica) === null) this.lost(attempt, now);
      else verifier.inquire(attempt);
    } else if (attempt.state === "pushed") {
      if (attempt.target !== null && directory.find(attempt.target) === null) this.#targetLost(attempt);
      else this.#isListed(attempt);
    }
  }

  #isListed(attempt: Attempt): void {
    const { verifier, table, nowMs } = this.#options;
    verifier.isListed(attempt).then(
      (listed) => {
        if (listed || attempt.state !== "pushed") return; // I2
        attempt.vanishedAtMs = nowMs();
        table.schedule(attempt.invocation);
      },
      () => undefined, // Redis is away; when it is back everything is looked at.
    );
  }

  /** I3 */
  #vanished(attempt: Attempt, now: number): void {
    const { invocation } = attempt;
    const explained = attempt.unconfirmed || attempt.state === "taken" || this.#lastLossMs >= attempt.sentAtMs;
    if (invocation.idempotent || explained) {
      this.lost(attempt, now);
      return;
    }
    // All replicas live: one of them may yet speak (its event loop stands still), and if none does, nobody knows.
    attempt.vanishedAtMs = null;
    attempt.checkAtMs = Number.POSITIVE_INFINITY;
    invocation.doubtful = true;
  }

  /** A replica says that it has the attempt. */
  taken(attempt: Attempt, replica: string): void {
    const { directory, nowMs } = this.#options;
    const now = nowMs();
    const known = directory.find(replica);
    attempt.state = "taken";
    attempt.unconfirmed = false;
    attempt.invocation.doubtful = false;
    attempt.replica = replica;
    attempt.worker = known?.worker ?? attempt.worker;
    // A replica we do not know may be new, or was called lost before its word came: then it is asked soon.
    attempt.vanishedAtMs = null;
    attempt.checkAtMs = now + (known === null ? TAKEN_BEFORE_MS : silenceMs(attempt.invocation));
  }

  /** An attempt that may have started will not be answered. */
  lost(attempt: Attempt, now: number): void {
    const { table, referee } = this.#options;
    const { invocation } = attempt;
    if (!attempt.open) return;
    table.counts.losses += 1;
    attempt.end("lost", now);
    if (!invocation.idempotent) {
      table.finish(invocation, { kind: "outcome_unknown", attempts: invocation.traces() }); // I4
      return;
    }
    if (!attempt.accounted && this.#lastLossMs >= attempt.sentAtMs) invocation.countLoss(attempt);
    if (invocation.losses >= MAX_LOSSES) {
      referee.failAsDeadly(invocation); // I5
    } else referee.repeat(invocation, now);
    table.schedule(invocation);
  }

  /**
   * A replica is suspect: what lies in its own list is taken back, and what it has is started elsewhere too, where that
   * does no harm.
   */
  replicaSuspect(id: string): void {
    for (const invocation of this.#stuckAt(id)) {
      this.#options.referee.standIn(invocation, this.#options.nowMs());
    }
  }

  /**
   * A replica's event loop stands still: the same, but what it has is hedged within the budget. One of them may be what
   * it computes, and would bring the next replica to a standstill.
   */
  replicaStandsStill(id: string): void {
    for (const invocation of this.#stuckAt(id)) {
      if (invocation.hedgeAtMs !== null) invocation.hedgeAtMs = this.#options.nowMs();
      this.#options.table.schedule(invocation);
    }
  }

  /** Takes back what a replica has not taken from its list. @returns what may run twice and is nowhere else */
  #stuckAt(id: string): Invocation[] {
    return this.#options.table.all().filter((invocation) => {
      for (const attempt of invocation.attempts) {
        if (attempt.state === "pushed" && attempt.target === id) this.#takeFrom(attempt);
      }
      if (!invocation.idempotent || invocation.plan !== null) return false;
      const open = invocation.attempts.filter((attempt) => attempt.open);
      return open.length > 0 && open.every(({ replica }) => replica === id);
    });
  }

  /** A replica is lost, or has left in order (`gone`). */
  replicaLeft(id: string, how: "lost" | "gone"): void {
    const now = this.#options.nowMs();
    if (how === "lost") this.#lastLossMs = now;
    for (const invocation of this.#options.table.all()) {
      if (how === "lost") countAfterwards(invocation, id, now);
      for (const attempt of invocation.attempts) {
        if (attempt.open && !invocation.over) this.#whenLeft(attempt, id, how, now);
      }
      this.#options.table.schedule(invocation);
    }
  }

  #whenLeft(attempt: Attempt, id: string, how: "lost" | "gone", now: number): void {
    const { invocation } = attempt;
    if (attempt.state === "taken") {
      if (attempt.replica !== id) return;
      // Whoever leaves in order has answered before; the answer may lie in our list.
      if (how === "gone") attempt.vanishedAtMs ??= now;
      else this.lost(attempt, now);
    } else if (attempt.target === id) this.#targetLost(attempt);
    else if (attempt.target !== null || how === "gone") return;
    else if (invocation.doubtful) this.lost(attempt, now);
    else if (attempt.state === "pushed" && now - attempt.sentAtMs >= TAKEN_BEFORE_MS) this.#isListed(attempt);
  }

  /** It was sent to a replica alone, which may not come to take it: if it has not, somebody else may. */
  #takeFrom(attempt: Attempt): void {
    const { verifier, referee, table, nowMs } = this.#options;
    const { invocation } = attempt;
    verifier.takeBack(attempt).then(
      (was) => {
        if (!was || !attempt.open) return;
        attempt.end("taken back", nowMs());
        referee.repeat(invocation, nowMs());
        table.schedule(invocation);
      },
      () => undefined, // Looked at again when Redis is back.
    );
  }

  /** It was sent to a replica alone, and that is not there any more. */
  #targetLost(attempt: Attempt): void {
    const { verifier, referee, table, nowMs } = this.#options;
    const { invocation } = attempt;
    verifier.takeBack(attempt).then(
      (was) => {
        if (!attempt.open) return;
        if (was) {
          attempt.end("taken back", nowMs());
          referee.repeat(invocation, nowMs());
          table.schedule(invocation);
        } else this.lost(attempt, nowMs());
      },
      () => undefined, // Looked at again when Redis is back.
    );
  }

  /** A push failed. */
  notPushed(attempt: Attempt, fault: RedisFault): void {
    const { nowMs, table, referee, verifier } = this.#options;
    const { invocation } = attempt;
    const now = nowMs();
    if (fault.kind === "unknown" && !invocation.idempotent) {
      attempt.state = "pushed";
      attempt.unconfirmed = true;
      invocation.doubtful = true;
      attempt.checkAtMs = now;
      table.schedule(invocation);
      return;
    }
    attempt.end(fault.kind === "unavailable" ? "not_sent" : "unconfirmed", now);
    if (fault.kind === "unknown") verifier.dismiss(attempt); // What is refused must not run later.
    if (neverGotAway(invocation)) {
      const [first = attempt] = invocation.attempts;
      invocation.refuseAtMs = fault.kind === "unavailable" ? now : first.sentAtMs + REFUSE_MS;
    }
    if (invocation.refuseAtMs !== null && now >= invocation.refuseAtMs) {
      table.finish(invocation, { kind: "unavailable", detail: fault.message });
      return;
    }
    if (!invocation.hasOpenAttempt()) referee.repeatSoon(invocation, now);
    table.schedule(invocation);
  }

  /** A push of a task that must not run twice, of which Redis never said whether it has it. */
  #confirm(attempt: Attempt, now: number): void {
    const { link, verifier, table, referee, nowMs } = this.#options;
    const { invocation } = attempt;
    attempt.checkAtMs = now + LOOK_AGAIN_MS;
    if (!link.usable) {
      if (now < attempt.sentAtMs + REFUSE_MS) return;
      verifier.dismiss(attempt);
      this.lost(attempt, now); // I4
      return;
    }
    verifier.takeBack(attempt).then(
      (was) => {
        if (attempt.state !== "pushed") return;
        if (was) {
          attempt.end("taken back", nowMs());
          invocation.doubtful = false;
          referee.repeat(invocation, nowMs());
        } else attempt.vanishedAtMs ??= nowMs();
        table.schedule(invocation);
      },
      () => undefined, // Asked again in a moment.
    );
  }

  /** Redis is back: answers and entries may be lost. */
  redisIsBack(): void {
    const now = this.#options.nowMs();
    for (const invocation of this.#options.table.all()) {
      for (const attempt of invocation.attempts) {
        if (attempt.open) attempt.checkAtMs = Math.min(attempt.checkAtMs, now + GRACE_MS);
      }
      this.#options.table.schedule(invocation);
    }
  }

  /** After each read of the beats: takes back what waits for a task that has nobody any more. */
  checkDeserted(): void {
    const { table, directory, verifier } = this.#options;
    for (const invocation of table.all()) {
      if (directory.deserted(invocation.task) <= DESERTED_MS) continue;
      for (const attempt of invocation.attempts) {
        if (attempt.state !== "pushed" || attempt.vanishedAtMs !== null) continue;
        verifier.takeBack(attempt).then(
          (was) => {
            if (!was || !attempt.open) return;
            attempt.end("taken back", this.#options.nowMs());
            if (!invocation.hasOpenAttempt()) table.finish(invocation, { kind: "no_worker" });
          },
          () => undefined,
        );
      }
    }
  }
}

/** I5: a replica was lost that may have had what had been given up already; it can have had one of them. */
function countAfterwards(invocation: Invocation, replica: string, now: number): void {
  const had = invocation.attempts.find(
    (one) => one.mayProveDeadly(now) && (one.replica === null || one.replica === replica),
  );
  if (had !== undefined) invocation.countLoss(had);
}

/** Has Redis confirmed none of its attempts, so that whoever asks can be told that nothing has begun? */
function neverGotAway({ attempts }: Invocation): boolean {
  return attempts.every(
    ({ state, outcome }) => state === "pushing" || outcome === "not_sent" || outcome === "unconfirmed",
  );
}
