/**
 * The checkpoints of one program: asks for them, sees when they are complete, freezes them, hands them over.
 *
 * MK1 What the program writes by itself is noticed and frozen when it is complete, whoever wants it or not: it may be
 *     overwritten by the time that somebody does.
 * MK2 What was judged complete is what is frozen, by the same look: a moment later the next one may be half written.
 *     What changed while it was frozen is dropped, counted, and tried again when it is complete again.
 * MK3 One freezing or handing over at a time.
 * MK4 Where the disk is full a checkpoint is not tried at every look: each try takes the room that the program needs.
 * MK5 That its files never rest is no fault of a program that exits with each checkpoint: its exit is the sign.
 * MK6 Who asks by SIGTSTP has to send the program on: it stops itself when it has written, whether that was seen or not.
 * MK7 What an exit costs is the start after it, too: as long as the last one took, to where the program can be asked, else
 *     to its first line. Else one that starts for ten seconds would be asked each second, and do nothing but start.
 * MK8 Where whatever its files are is a checkpoint, none is noticed: one is taken when it is wanted (`any-moment.ts`).
 */
import { join } from "node:path";
import { type CopyBegun, isNoRoom } from "../../src/checkpoints/checkpoints.ts";
import { type CheckpointContract, tellsByExit, type Trigger } from "../../src/tasks/program/definition.ts";
import type { Progress } from "../keeper/protocol.ts";
import type { Answered } from "./answered.ts";
import { AnyMoment } from "./any-moment.ts";
import { Ask, type AskOptions } from "./ask.ts";
import type { CheckpointFiles, FilesLook } from "./checkpoint-files.ts";
import { Completeness, type Judgement } from "./completeness.ts";
import { lastLineOf } from "./completion.ts";
import type { Circumstances } from "./exit-meaning.ts";
import { MappedContent, mappedOf } from "./mapped-content.ts";
import type { Unwritten } from "./match-watch.ts";
import { openForWriting } from "./open-files.ts";
import type { ProcessRun } from "./process-run.ts";
import { type Member, send } from "./process-tree.ts";
import type { ProgramGroup } from "./program-group.ts";
import { Readiness } from "./readiness.ts";
import { RestClock } from "./rest-clock.ts";
import { Shelf } from "./shelf.ts";
import { StartMeter } from "./start-meter.ts";

/** MK4 */
const NO_ROOM_PAUSE_MS = 10_000;

export interface CheckpointMakerOptions extends AskOptions {
  readonly contract: CheckpointContract;
  readonly files: CheckpointFiles;
  readonly shelf: string;
  /** The control group of the program alone; null: it has none. */
  readonly group: ProgramGroup | null;
  readonly progress: () => Progress | null;
  readonly note: (text: string) => void;
  /** A checkpoint that nobody asked for lies ready. */
  readonly onOffer: () => void;
  /** For a checkpoint that somebody waits for, the copying of a large file begins; null: it was given up. */
  readonly onCopying: (copy: CopyBegun | null) => void;
  /** One that nobody asked for was given up (MK2). */
  readonly onDropped: (why: string) => void;
}

interface Asking {
  readonly ask: Ask;
  readonly deadlineMs: number;
  sentMs: number | null;
  readonly answer: (answered: Answered) => void;
}

export class CheckpointMaker {
  readonly #options: CheckpointMakerOptions;
  readonly #files: CheckpointFiles;
  readonly #completeness: Completeness;
  readonly #readiness: Readiness;
  readonly #shelf: Shelf;
  #asking: Asking | null = null;
  /** MK8; null: it is not so of this program. */
  readonly #anyMoment: AnyMoment | null;
  #queue: Promise<unknown> = Promise.resolve();
  /** MK5 */
  #exitIsSign: boolean;
  readonly #restClock: RestClock;
  readonly #mapped: MappedContent;
  /** What lay there when it was started, or was frozen last. */
  #known = "";
  /** MK7 */
  readonly #startMeter: StartMeter;
  /** MK6 */
  #owesToSendOn = false;
  #dropped = 0;
  #hasMatched = false;
  #hasFrozen = false;
  #unwritten: string | null = null;
  #noRoomUntilMs = -Infinity;
  #waiting: ((answered: Answered) => void)[] = [];

  constructor(options: CheckpointMakerOptions) {
    this.#options = options;
    this.#files = options.files;
    this.#completeness = new Completeness(options.resolved.written);
    this.#readiness = new Readiness(options.resolved.ready, options.folder);
    this.#exitIsSign = tellsByExit(options.resolved.definition);
    this.#restClock = new RestClock(options);
    this.#startMeter = new StartMeter(options.clock);
    this.#mapped = new MappedContent({ folder: options.folder, nowMs: () => options.clock.monotonicMs() });
    this.#shelf = new Shelf({
      working: options.folder,
      folder: options.shelf,
      look: () => this.#files.look(),
      clock: options.clock,
    });
    const inTurn = <T>(work: () => Promise<T>): Promise<T> => this.#inTurn(work);
    const parts = { ...options, shelf: this.#shelf, completeness: this.#completeness, inTurn };
    this.#anyMoment = options.resolved.written.by === "always" ? new AnyMoment(parts) : null;
  }

  /** The program is started, or started again; its folder is ready. What lies there now is the past. */
  started(): void {
    const look = this.#files.look();
    this.#known = look.signature;
    this.#completeness.begin(look);
    this.#readiness.begin();
    this.#startMeter.begin();
  }

  line(text: string): void {
    this.#completeness.line(text);
    this.#readiness.line(text);
    if (this.#options.resolved.ready === null) this.#startMeter.end();
  }

  /** Can it be asked? */
  get isReady(): boolean {
    return this.#readiness.isReady;
  }

  /** Was there a moment at which each pattern of its files matched one? */
  get hasMatched(): boolean {
    return this.#hasMatched;
  }

  /** Its files were there and changed, and none was ever complete: why not, and whether rest was to tell. Else null. */
  get unwritten(): Unwritten | null {
    if (this.#hasFrozen || this.#unwritten === null) return null;
    return { why: this.#unwritten, by: this.restMs === 0 ? "word" : "rest" };
  }

  get isFresh(): boolean {
    return this.#shelf.isFresh;
  }

  get isEmpty(): boolean {
    return this.#shelf.isEmpty;
  }

  /** For how long its files have to hold still; 0 when something else tells that it is complete. */
  get restMs(): number {
    return this.#completeness.restMs;
  }

  /** How things stand when the program has exited. */
  get circumstances(): Omit<Circumstances, "incomplete" | "doneBy"> {
    const { isSent = false, trigger } = this.#asking?.ask ?? {};
    const look = this.#files.look();
    const isUnfrozen = look.missing.length === 0 && look.signature !== this.#known;
    return {
      asked: !isSent ? "no" : trigger?.then === "exits" ? "to_exit" : "to_go_on",
      bySignal: trigger?.signal ?? null,
      hasNews: this.#completeness.hasNews(look) ? "yes" : isUnfrozen ? "before" : "no",
    };
  }

  /** Was it asked to exit with a checkpoint, and has it written one since? */
  get hasAnsweredByExit(): boolean {
    const { ask } = this.#asking ?? {};
    return ask?.isSent === true && ask.trigger.then === "exits" && this.circumstances.hasNews === "yes";
  }

  /** Why the program, which has just ended, has not answered; null: it has, or was not asked, or not for long. */
  get unanswered(): string | null {
    const ask = this.#asking?.ask;
    return ask === undefined || (ask.isSent && this.circumstances.hasNews === "yes") ? null : ask.unanswered();
  }

  /** Asks the program. Resolves when the checkpoint is frozen, or given up. */
  ask(trigger: Trigger): Promise<Answered> {
    const { clock } = this.#options;
    this.#completeness.begin(this.#files.look());
    return new Promise((resolve) => {
      this.#asking = {
        ask: new Ask(trigger, this.#options),
        deadlineMs: clock.monotonicMs() + trigger.timeoutMs,
        sentMs: null,
        answer: resolve,
      };
    });
  }

  /** Is whatever its files are a checkpoint (MK8)? */
  get takesAsItLies(): boolean {
    return this.#anyMoment !== null;
  }

  /** Takes what lies there at the next look (MK8). @param then `hold`: the program stays paused behind it */
  take(then: "go_on" | "hold"): Promise<Answered> {
    return this.#anyMoment?.take(then) ?? this.next();
  }

  /** Resolves at the next checkpoint that is frozen, by whichever way. */
  next(): Promise<Answered> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Called often while the program runs. @param dueMs how long after the last time that was to be */
  async look(run: ProcessRun, dueMs: number): Promise<void> {
    const { clock, contract } = this.#options;
    const asking = this.#asking;
    if (this.#startMeter.isStarting && this.#options.resolved.ready !== null && this.isReady) this.#startMeter.end();
    if (asking !== null) {
      if (asking.ask.send(run) === "not_yet") {
        this.#giveUpLate(`no process of the program handles ${asking.ask.name}`);
        return;
      }
      if (asking.sentMs === null) this.#owesToSendOn ||= asking.ask.trigger.signal === "SIGTSTP";
      asking.sentMs ??= clock.monotonicMs();
      if (asking.ask.fault !== null) {
        this.#answer({ kind: "failed", why: asking.ask.fault });
        return;
      }
    }
    if (this.#anyMoment !== null && asking === null) {
      const matched = await this.#anyMoment.look(run);
      this.#hasMatched ||= matched === "all_match";
      return;
    }
    if (asking === null ? contract.trigger !== undefined : asking.ask.trigger.then === "exits") {
      this.#giveUpLate("it has not exited");
      return;
    }
    const seen = this.#files.look();
    this.#hasMatched ||= seen.missing.length === 0;
    const judgement = this.#judge(seen, dueMs);
    if (judgement.kind === "waiting") {
      if (this.#hasMatched && this.#completeness.hasNews(seen)) this.#unwritten = judgement.why;
      this.#giveUpLate(judgement.why);
      return;
    }
    if (clock.monotonicMs() < this.#noRoomUntilMs) return;
    if (!(await this.#isMappedStill(seen))) {
      this.#giveUpLate("it still writes to its files through its memory (mmap)");
      return;
    }
    try {
      await this.#freeze(seen, this.#blockedMs());
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      this.#noRoom(); // MK4
    }
  }

  /** MK6 @param members what runs of the program */
  sendOn(members: readonly Member[]): void {
    const stopped = this.#owesToSendOn ? members.filter(({ state }) => state === "T") : [];
    if (stopped.length === 0) return;
    this.#owesToSendOn = false;
    for (const { pid } of stopped) send(pid, "SIGCONT");
  }

  /**
   * The program has exited with a checkpoint in its folder.
   *
   * @param next whether it is started again
   * @returns what is wrong; null: it is frozen
   */
  async freezeExited(next: "starts_again" | "ends"): Promise<string | null> {
    this.#exitIsSign = true;
    this.#completeness.exited();
    const look = this.#files.look();
    if (look.missing.length > 0) return `no file matches ${look.missing.join(", ")}`;
    const startMs = next === "starts_again" ? this.#startMeter.ms : 0; // MK7
    return (await this.#freeze(look, this.#blockedMs() + startMs))
      ? null
      : "its files still change, though the program has exited";
  }

  /** Nobody is asked any more: the program has ended. */
  giveUp(why: string): void {
    this.#answer({ kind: "failed", why });
  }

  /** Lays the latest into `folder`. */
  handOver(folder: string): ReturnType<Shelf["handOver"]> {
    return this.#inTurn(() => this.#shelf.handOver(folder));
  }

  /** What was handed over last could not be stored. What can be asked for will be asked for anew. */
  takeBack(): void {
    if (this.#options.contract.trigger !== undefined) return;
    this.#shelf.takeBack();
    if (!this.takesAsItLies) this.#options.onOffer();
  }

  #judge(look: FilesLook, dueMs: number): Judgement {
    const { folder, tree, onDropped } = this.#options;
    const isOpen = (): "yes" | "no" | "unknown" => {
      const open = openForWriting(
        tree.look().map(({ pid }) => pid),
        folder,
      );
      if (open === null) return "unknown";
      return look.steady.some((name) => open.has(name)) ? "yes" : "no";
    };
    const judgement = this.#completeness.judge(look, this.#usableMs(look, dueMs), {
      isOpen,
      lastLineOf: (name) => lastLineOf(join(folder, name)),
    });
    const remark = this.#completeness.remark();
    if (remark !== null && !this.#exitIsSign) onDropped(remark); // MK5
    return judgement;
  }

  /** It is only read when there is something new. */
  #usableMs(look: FilesLook, dueMs: number): number {
    const isRead = this.restMs > 0 && this.#completeness.hasNews(look);
    return isRead ? this.#restClock.look(dueMs) : this.#restClock.usableMs;
  }

  /** By rest, what the program writes through its memory is only seen in the content (`mapped-content.ts`). */
  async #isMappedStill(look: FilesLook): Promise<boolean> {
    if (this.restMs === 0) return true;
    const names = mappedOf(look, this.#options);
    if (names.length === 0) return true;
    const isStill = await this.#mapped.isStill(names, this.#restClock.usableMs, this.restMs);
    const remark = this.#mapped.remark();
    if (remark !== null) this.#options.onDropped(remark);
    return isStill;
  }

  /** @returns whether it is frozen (MK2) */
  async #freeze(look: FilesLook, blockedMs: number): Promise<boolean> {
    const { progress, note, onOffer, onDropped } = this.#options;
    return this.#inTurn(async () => {
      const isAwaited = this.#asking !== null || this.#waiting.length > 0;
      const onCopying = isAwaited ? this.#options.onCopying : () => undefined;
      const mapped = mappedOf(look, this.#options);
      const about = { progress: progress(), blockedMs: () => blockedMs, mapped, onCopying };
      const changed = await this.#shelf.freeze(look, about);
      if (changed !== null) {
        this.#dropped += 1;
        note(`a checkpoint is dropped: ${changed} (${this.#dropped} dropped so far)`);
        if (this.#asking === null) onDropped(changed); // Else whoever asked hears of it.
        return false;
      }
      this.#hasFrozen = true;
      this.#completeness.begin(look);
      this.#known = look.signature;
      const asked = this.#answer({ kind: "frozen" });
      if (asked === "nobody") onOffer();
      return true;
    });
  }

  #noRoom(): void {
    const why = "there is no room on the disk for a copy of its files";
    this.#noRoomUntilMs = this.#options.clock.monotonicMs() + NO_ROOM_PAUSE_MS;
    this.#dropped += 1;
    this.#options.note(`a checkpoint is dropped: ${why} (${this.#dropped} dropped so far)`);
    this.#options.onDropped(why);
    this.#giveUpLate(why);
  }

  #giveUpLate(why: string): void {
    const asking = this.#asking;
    if (asking === null || this.#options.clock.monotonicMs() < asking.deadlineMs) return;
    this.#answer({
      kind: "failed",
      why: `asked by ${asking.ask.name} it made no checkpoint within ${asking.ask.trigger.timeoutMs} ms: ${why}`,
    });
  }

  #answer(answered: Answered): "told" | "nobody" {
    const asking = this.#asking;
    for (const resolve of this.#waiting.splice(0)) resolve(answered);
    if (this.#anyMoment?.answer(answered) === "told") return "told";
    if (asking === null) return "nobody";
    this.#asking = null;
    asking.ask.withdraw();
    asking.answer(answered);
    return "told";
  }

  /** How long the program was busy with the checkpoint, as far as it can be seen. */
  #blockedMs(): number {
    const sentMs = this.#asking?.sentMs;
    if (sentMs === undefined || sentMs === null) return 0;
    return Math.max(0, this.#options.clock.monotonicMs() - sentMs - this.restMs);
  }

  /** MK3 */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }
}
