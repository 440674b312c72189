/**
 * Takes replicas out of service that do worse than their peers, as this API process sees it, and lets them back.
 *
 * The rules are in `domain/ejection.ts`; here they meet the beats, the orders and the canaries.
 *
 * Z1 A parked replica is told so by order, again and again, each order for a short time: if this process dies, it is
 *    free again by itself. Until it has heard, and if it is too old to understand, it is at least not chosen here.
 * Z2 Whom others have parked counts as parked here too. When two processes have parked too many together, those of
 *    the replicas with the lowest ids stand, and whoever ordered another one takes that back: all see the same beats,
 *    so all come to the same end.
 * Z3 A replica whose event loop stands still is not judged: it takes nothing, and what it has is looked after.
 * Z4 What was seen while this process itself was held up counts for nothing.
 */
import { EjectionCase, mayPark, mayStayParked, misconduct, wellBarMs, type Misconduct } from "../domain/ejection.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Canaries, Proof } from "./canaries.ts";
import type { KnownReplica, ReplicaDirectory } from "./replica-directory.ts";
import type { Judged } from "./scoreboard.ts";
import type { HealthCounts } from "./health-counts.ts";

/** An order stands so long, and is repeated so often (Z1). */
const ORDER_MS = 3_000;
const REPEAT_MS = 1_000;
const PROVE_EVERY_MS = 1_000;
/** So many rounds in a row without a free slot at those that remain. */
const DROWNING_ROUNDS = 4;

export interface EjectionOptions {
  readonly nowMs: () => number;
  readonly directory: ReplicaDirectory;
  readonly canaries: Canaries;
  /** Orders a replica to be parked for a task; 0 ms takes it back. */
  readonly order: (replica: string, task: string, forMs: number) => void;
  readonly counts: HealthCounts;
  readonly log: Logger;
}

interface Watched {
  readonly task: string;
  readonly replica: string;
  readonly worker: string;
  readonly sentence: EjectionCase;
  orderedAtMs: number;
  provedAtMs: number;
  proving: "yes" | "no";
  drowningRounds: number;
}

export class Ejection {
  readonly #options: EjectionOptions;
  readonly #watched = new Map<string, Watched>();

  constructor(options: EjectionOptions) {
    this.#options = options;
  }

  /** After each reading of the beats. @param judged the live replicas of each task */
  round(judged: ReadonlyMap<string, readonly Judged[]>): void {
    for (const [key, { replica }] of this.#watched) {
      if (this.#options.directory.find(replica) === null) this.#watched.delete(key);
    }
    for (const [task, live] of judged) {
      const serving = live.filter(({ replica }) => replica.beat.state === "ready");
      this.#tend(task, serving);
      this.#judge(task, serving);
    }
  }

  /** Takes back what this process has ordered: it is going away. */
  releaseAll(): void {
    for (const { task, replica, sentence } of this.#watched.values()) {
      if (sentence.state === "parked") this.#options.order(replica, task, 0);
    }
    this.#watched.clear();
  }

  #isOut(task: string, { id, beat }: KnownReplica): boolean {
    return beat.tasks[task]?.parked === true || this.#watched.get(`${task} ${id}`)?.sentence.state === "parked"; // Z2
  }

  #judge(task: string, serving: readonly Judged[]): void {
    const inService = serving.filter(({ replica }) => !this.#isOut(task, replica));
    const accused = inService.flatMap((one) => {
      if (this.#options.directory.isHeldUp(one.replica)) return []; // Z3
      const peers = inService.filter((other) => other !== one).map(({ conduct }) => conduct);
      const state = this.#watched.get(`${task} ${one.replica.id}`)?.sentence.state ?? "serving";
      const why = misconduct(one.conduct, peers, state);
      return why === null ? [] : [{ one, why }];
    });
    accused.sort((a, b) => badness(b.one) - badness(a.one));
    for (const { one, why } of accused) {
      const rest = serving.filter((other) => other !== one && !this.#isOut(task, other.replica));
      const room = {
        replicas: serving.length,
        parked: serving.length - 1 - rest.length,
        ...slotsOf(task, rest),
        displaced: displaced(task, one, why),
      };
      if (mayPark(room)) this.#park(task, one, why);
    }
  }

  #park(task: string, { replica, p95Ms, peersP95Ms }: Judged, why: Misconduct): void {
    const { log, counts, nowMs } = this.#options;
    const now = nowMs();
    const key = `${task} ${replica.id}`;
    let watched = this.#watched.get(key);
    if (watched === undefined) {
      const { id, worker } = replica;
      const sentence = new EjectionCase(now);
      watched = {
        task,
        replica: id,
        worker,
        sentence,
        orderedAtMs: 0,
        provedAtMs: 0,
        proving: "no",
        drowningRounds: 0,
      };
      this.#watched.set(key, watched);
    }
    const { sentence } = watched;
    sentence.park(why, now);
    watched.drowningRounds = 0;
    counts.ejected(task, why);
    const { id, worker } = replica;
    const { timeOutMs: forMs, times } = sentence;
    log.warn({ task, replica: id, worker, why, p95Ms, peersP95Ms, forMs, times }, "replica is parked");
    this.#order(watched);
  }

  #order(watched: Watched): void {
    const { order, directory, nowMs } = this.#options;
    watched.orderedAtMs = nowMs();
    order(watched.replica, watched.task, ORDER_MS);
    directory.setAside(watched.task, watched.replica, ORDER_MS);
  }

  /** Whom this process has parked: repeats the order, has it prove itself, lets it back. */
  #tend(task: string, serving: readonly Judged[]): void {
    const now = this.#options.nowMs();
    const out = serving.map(({ replica }) => replica).filter((replica) => this.#isOut(task, replica));
    const ids = out.map(({ id }) => id);
    const kept = mayStayParked(ids, serving.length); // Z2
    const { free } = slotsOf(
      task,
      serving.filter(({ replica }) => !out.includes(replica)),
    );
    for (const one of serving) {
      const watched = this.#watched.get(`${task} ${one.replica.id}`);
      if (watched === undefined) continue;
      const { sentence } = watched;
      if (sentence.pass(now) === "returns") {
        this.#comesBack(watched, "proven");
        continue;
      }
      if (sentence.state !== "parked") continue;
      watched.drowningRounds = free <= 0 && sentence.why === "slow" ? watched.drowningRounds + 1 : 0;
      if (!kept.has(one.replica.id)) this.#release(watched, "excess");
      else if (watched.drowningRounds >= DROWNING_ROUNDS) this.#release(watched, "drowning");
      else {
        if (now - watched.orderedAtMs >= REPEAT_MS) this.#order(watched); // Z1
        this.#prove(watched, one);
      }
    }
  }

  #prove(watched: Watched, { peersP95Ms }: Judged): void {
    const { canaries, nowMs } = this.#options;
    const now = nowMs();
    const { sentence, task, replica } = watched;
    if (watched.proving === "yes" || !sentence.proves(now) || now - watched.provedAtMs < PROVE_EVERY_MS) return;
    watched.proving = "yes";
    watched.provedAtMs = now;
    const barMs = wellBarMs(peersP95Ms);
    const patienceMs = Number.isFinite(barMs) ? Math.max(3 * barMs, PROVE_EVERY_MS) : PROVE_EVERY_MS;
    canaries.probe({
      task,
      replica,
      patienceMs,
      settle: (proof) => {
        watched.proving = "no";
        this.#weigh(watched, proof, barMs);
      },
    });
  }

  #weigh({ sentence, task, replica }: Watched, proof: Proof, barMs: number): void {
    if (proof.kind === "void" || sentence.state !== "parked") return;
    const well = proof.kind === "back" && proof.ms <= barMs;
    sentence.proof(well ? "well" : "badly", this.#options.nowMs());
    if (!well) {
      const ms = proof.kind === "back" ? Math.round(proof.ms) : null;
      this.#options.log.info({ task, replica, proof: proof.kind, ms, barMs, times: sentence.times }, "not proven yet");
    }
  }

  #release(watched: Watched, because: "drowning" | "excess"): void {
    watched.sentence.release(because, this.#options.nowMs());
    this.#comesBack(watched, because);
  }

  #comesBack({ task, replica, worker }: Watched, because: "proven" | "drowning" | "excess"): void {
    const { order, directory, counts, log } = this.#options;
    order(replica, task, 0);
    directory.setAside(task, replica, 0);
    counts.returned(task, because);
    log.info({ task, replica, worker, because }, "replica comes back into service");
  }
}

function badness({ conduct: { lasting, quick, overdue } }: Judged): number {
  return quick.slow + quick.failed + overdue + (lasting.slow + lasting.failed) / 1_000;
}

function slotsOf(
  task: string,
  replicas: readonly Judged[],
): { readonly restUsed: number; readonly restSlots: number; readonly free: number } {
  let [used, free] = [0, 0];
  for (const { replica } of replicas) {
    const own = replica.beat.tasks[task];
    used += own?.held ?? 0;
    free += own?.free ?? 0;
  }
  return { restUsed: used, restSlots: used + free, free };
}

/** Slots that what the replica holds would need at its peers' speed. */
function displaced(task: string, { replica, p95Ms, peersP95Ms }: Judged, why: Misconduct): number {
  const held = replica.beat.tasks[task]?.held ?? 0;
  if (why === "failing" || p95Ms === null || peersP95Ms === null || p95Ms <= peersP95Ms) return held;
  return (held * peersP95Ms) / p95Ms;
}
