/**
 * How many requests of one task a process hands over at a time: enough that no replica is ever idle, and no more, so
 * that what waits does so where it can still be ordered, refused and forgotten.
 *
 * The law is Little's: requests under way = rate × (run time + queue time). Every answer tells its run time, so the
 * queue time is measured and not guessed, and the limit is moved until the queue in front of the replicas is worth a
 * target of some milliseconds: Envoy's gradient controller, `limit × (base + buffer) / sample`, with the run time in
 * place of the minimal round trip, for which it has to throttle itself every minute.
 *
 * Q1 Once a window: queue time above what is tolerated: limit = what was under way × (run + tolerated) / (run + queue),
 *    at most halved. Below it, and the limit was reached: at most doubled by the same formula, at least √limit more (Envoy's
 *    headroom; it also evens out several processes that share the replicas). Not reached: unchanged, for nothing was
 *    learnt (Netflix concurrency-limits).
 * Q2 A window lasts for 100 ms and for one mean latency, and it is judged by requests that were sent in it: what the
 *    last change has done shows in no others.
 * Q3 Never more than slots × (1 + target / run), which keeps every slot busy and the target's worth queued. It begins
 *    at the slots, and follows their number.
 * Q4 The target is what covers the way of an answer and of the next request: 10 ms, or one request if that is more,
 *    and the time the way takes by itself when Redis or the replicas are far away. Slots are known, so there it holds.
 *    Measured times are not so sharp: on a busy machine every turn of an event loop waits for its turn, and short
 *    requests go through by being many. So five times the target is tolerated.
 * Q5 When less is sent, a queue gets shorter and as many are answered as before. If it did not, and fewer were, there
 *    was none: a busy machine or a slow network takes its time from a single request too. Then the limit is again what
 *    it was, and the queue time belongs to the way, until it is seen to be less; and it fades, so that it is tried
 *    again now and then.
 * Q6 While replicas push back (`Overloaded`) it shrinks by a tenth a window (the AIMD of concurrency-limits); it does
 *    not grow for a second after that, and for ten only by one a window.
 * Q7 Silence is held against the replicas only as far as this process has looked, and a window in which it did not
 *    teaches nothing. While it had no processor, or was frozen, it heard nothing; what has come to it meanwhile would
 *    all be refused for that when it goes on.
 * Q8 Time in which nothing was under way counts for nothing: what was not asked for is no silence, and no lack of
 *    speed. Else the first ones of a burst after a quiet second would make the rest look as if it had to wait for many.
 */

/** Q4 */
const TARGET_MS = 10;
const TOLERATED_MS = 50;
const MOST_WAY_MS = 500;
const WINDOW_MS = 100;
const FEW = 10;
/** Q3, while nobody has told how many slots there are. */
const UNKNOWN_SLOTS = 16;
const MOST_CHANGE = 2;
/** Q5: the way down is judged when it has come to this share of the limit; what it has done to less than this share
 *  of what it should have, it has not done. */
const JUDGED_AT = 0.8;
const RESPONSE = 0.25;
const FADES_WITHIN_MS = 10_000;
/** Q7: it looks about four times a second. */
const NOT_LOOKED_MS = 600;
/** What other processes do to a queue they share looks the same; so it is not believed for long, nor for much. */
const MOST_FIXED_MS = 50;
/** Q6 */
const PUSHED_BACK = 0.9;
const NO_GROWTH_MS = 1_000;
const SLOW_GROWTH_MS = 10_000;

export interface AnswerTimes {
  /** In the handler. */
  readonly runMs: number;
  /** From handing over to the answer, without the handler. */
  readonly queueMs: number;
}

/** Sums of times, and how many they are. */
class Times {
  count = 0;
  #runMs = 0;
  #queueMs = 0;

  add({ runMs, queueMs }: AnswerTimes): void {
    this.count += 1;
    this.#runMs += runMs;
    this.#queueMs += Math.max(0, queueMs);
  }

  /** Null when there are none. */
  get means(): AnswerTimes | null {
    if (this.count === 0) return null;
    return { runMs: this.#runMs / this.count, queueMs: this.#queueMs / this.count };
  }
}

/** What was learnt in the last window. */
interface Learnt {
  /** Answers a ms. */
  readonly rate: number;
  /** Was the limit reached? Else the rate is only what was asked for. */
  readonly reached: boolean;
}

/** How it stood before the limit began to fall (Q5). */
interface Descent extends AnswerTimes {
  readonly limit: number;
  readonly used: number;
  readonly rate: number;
}

export class ConcurrencyLimit {
  #limit = UNKNOWN_SLOTS;
  #slots: number | null = null;
  #means: AnswerTimes | null = null;
  #learnt: Learnt | null = null;
  #windowAtMs: number;
  /** Of the window: while nothing was under way (Q8). */
  #idleMs = 0;
  #all = new Times();
  /** Of what was sent in this window. */
  #fresh = new Times();
  #pushedBack = 0;
  #peak = 0;
  #lastAnswerMs: number;
  /** Q7; null: nobody has said yet that he looks. */
  #lookedAtMs: number | null = null;
  #excusedAtMs = Number.NEGATIVE_INFINITY;
  #pushedBackAtMs = Number.NEGATIVE_INFINITY;
  #wayMs = 0;
  /** Q5: queue time that belongs to the way. */
  #fixedMs = 0;
  #descent: Descent | null = null;

  /** @param nowMs monotonic, as everywhere here */
  constructor(nowMs: number) {
    this.#windowAtMs = nowMs;
    this.#lastAnswerMs = nowMs;
  }

  /** At most so many at a time; at least 1. */
  get limit(): number {
    return Math.max(1, Math.round(this.#limit));
  }

  /** Mean time in the handler; null while nothing was answered. */
  get runMs(): number | null {
    return (this.#means ?? this.#all.means)?.runMs ?? null;
  }

  /** Mean time in front of it. */
  get queueMs(): number {
    return (this.#means ?? this.#all.means)?.queueMs ?? 0;
  }

  /** Q3 @param slots of all live replicas together; 0: nobody is seen at present, which says nothing of those to come */
  setSlots(slots: number): void {
    if (slots <= 0 || slots === this.#slots) return;
    this.#limit = this.#slots === null ? slots : (this.#limit * slots) / this.#slots;
    this.#slots = slots;
  }

  /** Q4 @param wayMs what an answer and the next request are on their way, without any queue */
  setWay(wayMs: number): void {
    this.#wayMs = Math.min(Math.max(0, wayMs), MOST_WAY_MS);
  }

  /** One more was handed over. @param underWay with it */
  handedOver(underWay: number, nowMs: number): void {
    if (underWay === 1) {
      this.#idleMs += Math.max(0, nowMs - Math.max(this.#lastAnswerMs, this.#windowAtMs)); // Q8
      this.#lastAnswerMs = nowMs;
    }
    if (underWay > this.#peak) this.#peak = underWay;
  }

  /** @returns whether the limit has been reckoned anew */
  answered(times: AnswerTimes, underWay: number, nowMs: number): boolean {
    const sentAtMs = nowMs - times.runMs - times.queueMs;
    // Q7: it has waited for this process, not for the replicas.
    const waitedForUs = this.#lookedAtMs !== null && nowMs - this.#lookedAtMs > NOT_LOOKED_MS;
    if (waitedForUs) this.#begin(underWay, nowMs);
    if (waitedForUs || sentAtMs < this.#excusedAtMs) {
      this.#lastAnswerMs = nowMs;
      return false;
    }
    this.#all.add(times);
    if (sentAtMs >= this.#windowAtMs) this.#fresh.add(times);
    return this.#heard(underWay, nowMs);
  }

  /** Q6 @returns whether the limit has been reckoned anew */
  pushedBack(underWay: number, nowMs: number): boolean {
    this.#pushedBack += 1;
    this.#pushedBackAtMs = nowMs;
    return this.#heard(underWay, nowMs);
  }

  /**
   * How many are answered in a ms while as many as allowed are under way; null while nothing is known. When answers
   * fail to come for twice their usual time, the rate falls with the time in which they were looked for (Q7).
   */
  rate(): number | null {
    const { runMs, queueMs } = this;
    if (runMs === null) return null;
    const latency = Math.max(runMs + queueMs, 0.01);
    const silence = (this.#lookedAtMs ?? this.#lastAnswerMs) - this.#lastAnswerMs;
    if (silence > WINDOW_MS + 2 * latency) return this.limit / silence;
    return this.#learnt?.reached === true ? this.#learnt.rate : this.limit / latency;
  }

  /** All answers that have come until now were read (Q7). */
  looked(nowMs: number): void {
    this.#lookedAtMs = nowMs;
  }

  /** Answers could not come, or not be read, until now: that they did not says nothing about the rate. */
  excuse(nowMs: number): void {
    this.#lastAnswerMs = nowMs;
    this.#lookedAtMs = nowMs;
    this.#excusedAtMs = nowMs;
    this.#begin(this.#peak, nowMs);
  }

  #heard(underWay: number, nowMs: number): boolean {
    this.#lastAnswerMs = nowMs;
    const fresh = this.#fresh.means;
    const passed = nowMs - this.#windowAtMs - this.#idleMs;
    const enough = this.#fresh.count + this.#pushedBack >= FEW;
    if (!enough || passed < WINDOW_MS || (fresh !== null && passed < fresh.runMs + fresh.queueMs)) return false; // Q2
    this.#reckon(fresh, passed, nowMs);
    this.#begin(underWay, nowMs);
    return true;
  }

  /** The next window. */
  #begin(underWay: number, nowMs: number): void {
    this.#windowAtMs = nowMs;
    this.#idleMs = 0;
    this.#all = new Times();
    this.#fresh = new Times();
    this.#pushedBack = 0;
    this.#peak = underWay;
  }

  #reckon(fresh: AnswerTimes | null, passed: number, nowMs: number): void {
    const before = this.#limit;
    const reached = this.#peak >= Math.round(before);
    this.#means = this.#all.means ?? this.#means;
    if (this.#all.count > 0) this.#learnt = { rate: this.#all.count / passed, reached };
    if (this.#pushedBack > 0) {
      this.#limit = Math.max(1, Math.min(before, this.#peak) * PUSHED_BACK); // Q6
      return;
    }
    if (fresh === null) return;
    if (this.#isInVain(fresh)) {
      this.#limit = this.#descent?.limit ?? before; // Q5
      this.#descent = null;
      this.#fixedMs = Math.min(fresh.queueMs, MOST_FIXED_MS);
    } else {
      this.#fixedMs = Math.min(this.#fixedMs * Math.exp(-(passed + this.#idleMs) / FADES_WITHIN_MS), fresh.queueMs);
      this.#move(fresh, reached, nowMs);
    }
    const most =
      (this.#slots ?? Number.POSITIVE_INFINITY) *
      (1 + (this.#atLeastOne(TARGET_MS) + this.#wayMs) / Math.max(fresh.runMs, 0.001));
    this.#limit = Math.min(this.#limit, Math.max(1, most)); // Q3
  }

  /** Q1 */
  #move({ runMs, queueMs }: AnswerTimes, reached: boolean, nowMs: number): void {
    const before = this.#limit;
    const gradient =
      (runMs + this.#atLeastOne(TOLERATED_MS) + this.#wayMs + this.#fixedMs) / Math.max(runMs + queueMs, 0.001);
    if (gradient < 1) {
      const used = Math.min(before, Math.max(1, this.#peak));
      this.#descent ??= { runMs, queueMs, limit: before, used, rate: this.#learnt?.rate ?? 0 };
      this.#limit = Math.max(1, used * Math.max(1 / MOST_CHANGE, gradient));
      return;
    }
    this.#descent = null;
    if (reached) this.#limit = before + this.#growth(before * (Math.min(MOST_CHANGE, gradient) - 1), nowMs);
  }

  /** Q5 */
  #isInVain({ queueMs }: AnswerTimes): boolean {
    const { descent, learnt } = { descent: this.#descent, learnt: this.#learnt };
    if (descent === null || learnt === null || this.#limit > JUDGED_AT * descent.used) return false;
    const less = 1 - this.#limit / descent.used;
    const shorter = descent.queueMs - queueMs;
    const inVain =
      shorter < RESPONSE * less * (descent.runMs + descent.queueMs) &&
      learnt.rate < descent.rate * (1 - (1 - RESPONSE) * less);
    if (!inVain) this.#descent = null; // It is judged anew from here.
    return inVain;
  }

  /** Q4: so much queue, or one request if that is more. */
  #atLeastOne(queueMs: number): number {
    return Math.max(queueMs, this.#learnt === null ? 0 : 1 / this.#learnt.rate);
  }

  /** Q1, Q6 @param wanted by the formula */
  #growth(wanted: number, nowMs: number): number {
    const sinceMs = nowMs - this.#pushedBackAtMs;
    if (sinceMs < NO_GROWTH_MS) return 0;
    return sinceMs < SLOW_GROWTH_MS ? 1 : Math.max(wanted, Math.sqrt(this.#limit));
  }
}
