import { commonPrefix, type Ipv4Cidr } from "../ipam/cidr.ts";
import type { Errand } from "../dataplane/iproute2/adapter.ts";
import type { Failure } from "../dataplane/iproute2/errors.ts";
import { answerOf, type CommandResult } from "../dataplane/iproute2/batch_process.ts";
import { sightOfBest } from "./decide.ts";
import type { LinkState, Sight } from "../routing/kernel_route.ts";
import type { InterfaceName } from "../routing/interface_name.ts";
import type { Snapshot } from "./kernel_cache.ts";

/** One question about a destination; `closer` walks the table instead of one look-up. */
export interface Question {
  readonly destination: Ipv4Cidr;
  readonly device: InterfaceName | undefined;
  readonly closer: boolean;
}

/** What is there. */
export interface Seen {
  readonly kind: "seen";
  /** The device that was asked for; `missing` when none was. */
  readonly link: LinkState;
  readonly sight: Sight;
}

/** What is there, or why nobody knows. `closer`: one look-up could not tell. */
export type View =
  | Seen
  | { readonly kind: "closer" }
  | { readonly kind: "failed"; readonly failure: Failure };

/** The errands of a look, and what their results show. */
export interface Look {
  readonly errands: readonly Errand[];
  /** Views in the order of the questions. */
  read(results: readonly CommandResult[], links: LinkStates): readonly View[];
}

/** What is known of devices. */
export type LinkStates = ReadonlyMap<InterfaceName, LinkState>;

/** The errands that ask about devices, and what their results show. */
export interface LinkLook {
  readonly errands: readonly Errand[];
  read(results: readonly CommandResult[]): LinkStates;
}

const MISSING: LinkState = { kind: "missing" };

/** From so many destinations on, one walk over the table is cheaper than one for each. */
const MANY = 8;

/** Plans to ask about destinations. */
export function planLook(questions: readonly Question[], snapshot: Snapshot): Look {
  const closer = questions.filter((question) => question.closer);
  const walks = closer.length >= MANY;
  const walk: readonly Errand[] = walks
    ? [{
      command: {
        kind: "routes-within",
        cluster: commonPrefix(closer.map(({ destination }) => destination)),
      },
    }]
    : [];
  const alone = questions.filter((question) => !(walks && question.closer));
  const looks = alone.map(({ closer, destination }): Errand => ({
    command: { kind: closer ? "exact-routes" : "best-route", destination },
  }));
  return {
    errands: [...walk, ...looks],
    read: (results, links) => {
      const rest = results.values();
      const walked = walks ? readWalk(rest.next().value) : undefined;
      return questions.map((question) => {
        const { closer, destination, device } = question;
        const link = device === undefined ? MISSING : links.get(device) ?? MISSING;
        return closer && walked !== undefined
          ? walked(destination, link)
          : view(question, link, rest.next().value, snapshot);
      });
    },
  };
}

/**
 * Plans to ask about devices, each once, whatever was seen last: a device may have given
 * its name to another one a moment ago, and what `ip` writes and prints is by the names
 * that it has met. The kernel's own answer shows it, see `isStale` in session.ts.
 */
export function planLinks(
  devices: Iterable<InterfaceName>,
  snapshot: Snapshot,
): LinkLook {
  const asked = [...new Set(devices)];
  return {
    errands: asked.map((device) => ({ command: { kind: "link", device } })),
    read: (results) =>
      new Map(asked.map((device, index) => {
        const state = answerOf(results[index], "link")?.link ?? MISSING;
        snapshot.learn(device, state);
        return [device, state];
      })),
  };
}

/** Sorts what a walk found by destination. */
function readWalk(
  result: CommandResult | undefined,
): (destination: Ipv4Cidr, link: LinkState) => View {
  const walked = answerOf(result, "routes");
  if (walked === undefined) return () => failedView(result);
  const byDestination = Map.groupBy(walked.routes, (route) => route.destination);
  return (destination, link) => {
    const routes = byDestination.get(destination) ?? [];
    return { kind: "seen", link, sight: { kind: "all", routes } };
  };
}

/**
 * Reads the answer to one `best-route`. "Nothing there" is what a rule says as well that
 * hides the route: it counts only where no such rule is known.
 */
export function readBest(
  destination: Ipv4Cidr,
  result: CommandResult | undefined,
  { rulesMayHide }: Pick<Snapshot, "rulesMayHide">,
): Sight | undefined {
  const sight = sightOf(destination, result);
  const isNothing = sight?.kind === "best" && sight.route === undefined;
  return isNothing && rulesMayHide ? undefined : sight;
}

function sightOf(
  destination: Ipv4Cidr,
  result: CommandResult | undefined,
): Sight | undefined {
  if (result?.ok === false) {
    return result.failure.kind === "unreachable"
      ? { kind: "best", route: undefined }
      : undefined;
  }
  const best = answerOf(result, "best-route")?.route;
  return best === undefined ? undefined : sightOfBest(destination, best);
}

/** The reply of a door that did not answer, as the reason that callers are told. */
export function lostBecause(
  reply: { readonly kind: "full" | "closed" } | {
    readonly kind: "lost";
    readonly why: string;
  },
): { readonly kind: "lost"; readonly why: string } {
  switch (reply.kind) {
    case "lost":
      return { kind: "lost", why: reply.why };
    case "full":
      return { kind: "lost", why: "too many exchanges are waiting" };
    case "closed":
      return { kind: "lost", why: "the sidecar is shutting down" };
  }
}

function view(
  { closer, destination }: Question,
  link: LinkState,
  result: CommandResult | undefined,
  snapshot: Snapshot,
): View {
  if (!closer) {
    const sight = readBest(destination, result, snapshot);
    return sight === undefined ? { kind: "closer" } : { kind: "seen", link, sight };
  }
  const walked = answerOf(result, "routes");
  if (walked === undefined) return failedView(result);
  return { kind: "seen", link, sight: { kind: "all", routes: walked.routes } };
}

function failedView(result: CommandResult | undefined): View {
  const failure = result !== undefined && !result.ok
    ? result.failure
    : { kind: "other", words: "no answer" } as const;
  return { kind: "failed", failure };
}
