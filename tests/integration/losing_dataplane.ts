import type { Read } from "../../src/dataplane/iproute2/commands.ts";
import type { Door, Errand, Reply } from "../../src/dataplane/iproute2/adapter.ts";
import type { Exchange } from "../../src/dataplane/iproute2/batch_process.ts";

/** When an exchange is lost: before the kernel carries it out, or after. */
export type Loss = "before" | "after" | undefined;

/** A real door that loses just the exchanges that the test picks. */
export class LosingDoor implements Door {
  /** Asked for each exchange; it may take as long as an `ip` that hangs. */
  loses: (errands: readonly Errand[]) => Loss | Promise<Loss> = () => undefined;
  /** True if every survey is lost: nothing is put right by a look at everything. */
  losesSurveys = false;
  /** Awaited before what a survey has read is handed on. */
  holdsSurvey: Promise<void> = Promise.resolve();
  /** Surveys that have read what they asked for. */
  surveys = 0;
  readonly #inner: Door;

  constructor(inner: Door) {
    this.#inner = inner;
  }

  async exchange(errands: readonly Errand[]): Promise<Reply> {
    const loss = await this.loses(errands);
    const lost: Reply = { kind: "lost", why: "as the test wants" };
    if (loss === "before") return lost;
    const reply = await this.#inner.exchange(errands);
    return loss === "after" ? lost : reply;
  }

  pace(): Promise<boolean> {
    return this.#inner.pace();
  }

  async survey(reads: readonly Read[]): Promise<Exchange> {
    if (this.losesSurveys) return { kind: "lost", why: "as the test wants" };
    const exchange = await this.#inner.survey(reads);
    this.surveys += 1;
    await this.holdsSurvey;
    return exchange;
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  abandon(): void {
    this.#inner.abandon();
  }
}

/** True if there is a change among the errands. */
export function writes(errands: readonly Errand[]): boolean {
  return errands.some((errand) => "cause" in errand);
}

/** True if an entry is to be taken out of table 142. */
export function forgets(errands: readonly Errand[]): boolean {
  return errands.some(({ command }) => command.kind === "forget");
}
