/**
 * One attempt whose lease is void since Redis has lost its memory: asks its keeper whether the store knows anybody
 * newer, has the lease affirmed, and says again what Redis has forgotten (`src/batch/void-leases.ts`, AF1 to AF5).
 */
import type { FencedReply, LeaseDesk, Renewal } from "../../src/batch/batch.ts";
import type { Fence } from "../../src/domain/fence.ts";
import type { CommitRequest } from "../keeper/protocol.ts";

const NOTHING: { readonly garbage: readonly string[]; readonly oldArtifacts: readonly string[] } = {
  garbage: [],
  oldArtifacts: [],
};
/** So many checkpoints an owner can say again (AF4). */
const REMEMBERED = 64;

export type VoidRenewal = Extract<Renewal, { kind: "void" }>;

export interface AffirmationOptions {
  readonly desk: Pick<LeaseDesk, "voids" | "commit">;
  readonly job: string;
  readonly fence: Fence;
  readonly attempt: number;
  readonly effects: "none" | "outside";
  /** Has the keeper look into the store, for this loss of memory. */
  readonly askKeeper: (below: number) => void;
}

/** `waits`: not settled yet. */
export type Standing = "affirmed" | "waits" | { readonly lost: string };

export class Affirmation {
  readonly #options: AffirmationOptions;
  #commits: readonly CommitRequest[] = [];
  /** What Redis has to be told again, oldest first. */
  #unsaid: readonly CommitRequest[] = [];
  /** The loss of memory that is being dealt with. */
  #below: number | null = null;
  /** What was freed by saying it again: the keeper deletes it with what its next commit frees. */
  #freed = NOTHING;
  #found: { readonly below: number; readonly successor: string | null } | null = null;

  constructor(options: AffirmationOptions) {
    this.#options = options;
  }

  /** Writes of the attempt have to wait (AF1, AF4). */
  get waits(): boolean {
    return this.#below !== null || this.#unsaid.length > 0;
  }

  /** A checkpoint was to be committed. @returns what the keeper is told */
  committed(commit: CommitRequest, reply: FencedReply): FencedReply {
    if (reply.kind !== "ok") return reply;
    this.#commits = [...this.#commits.filter(({ seq }) => seq !== commit.seq), commit].slice(-REMEMBERED);
    const told = { ...reply, ...this.#with(reply) };
    this.#freed = NOTHING;
    return told;
  }

  #with({ garbage = [], oldArtifacts = [] }: Extract<FencedReply, { kind: "ok" }>): typeof NOTHING {
    return {
      garbage: [...this.#freed.garbage, ...garbage],
      oldArtifacts: [...this.#freed.oldArtifacts, ...oldArtifacts],
    };
  }

  /** What the keeper found. @param successor null: nobody */
  found(below: number, successor: string | null): void {
    this.#found = { below, successor };
  }

  /** The lease is void: gets on with it, as far as it goes now. @throws what Redis says */
  async take({ below, nextSeq }: VoidRenewal): Promise<Standing> {
    const { desk, job, fence, effects, askKeeper } = this.#options;
    if (effects === "outside") return { lost: "a task with effects outside is not affirmed" }; // AF3
    this.#below = below;
    const unsaid = this.#commits.filter(({ seq }) => seq >= nextSeq);
    if (unsaid.some(({ seq }, at) => seq !== nextSeq + at)) return { lost: "it does not remember all its checkpoints" };
    if (this.#found?.below !== below) {
      askKeeper(below);
      return "waits";
    }
    if (this.#found.successor !== null) return { lost: `the store knows ${this.#found.successor}` }; // AF2
    const answer = await desk.voids.affirm(job, fence, below);
    if (answer === "lost") return { lost: "the lease is another's" };
    if (answer === "unsettled") return "waits";
    this.#below = null;
    this.#unsaid = unsaid;
    return this.held();
  }

  /** The lease is held: says what is to be said again. */
  async held(): Promise<Standing> {
    const { desk, job, fence, attempt } = this.#options;
    this.#below = null;
    for (const commit of this.#unsaid) {
      const reply: FencedReply = await desk.commit(job, fence, attempt, commit);
      if (reply.kind === "unreachable") return "waits";
      if (reply.kind === "refused") return { lost: reply.detail };
      this.#freed = this.#with(reply);
      this.#unsaid = this.#unsaid.filter(({ seq }) => seq !== commit.seq);
    }
    return "affirmed";
  }
}
