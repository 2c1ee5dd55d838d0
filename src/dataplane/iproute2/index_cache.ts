import type { InterfaceName } from "../../routing/interface_name.ts";
import { answerOf, type BatchResult, type OperationResult } from "../dataplane.ts";
import { type BatchLine, type Command, toLine } from "./commands.ts";
import { classify } from "./errors.ts";

/**
 * What one `ip` process knows of device indexes. It looks up each name once, and keeps the
 * index for as long as it lives. Two faults follow from that:
 *
 * - After another device has taken the name, `ip` still uses the old index.
 * - If the kernel has no device of that name, iproute2 parses `if9`, and every name that
 *   begins like it, by sscanf(3) as `if%u`, which accepts a sign as well. A route would
 *   go through device 9, and `link show` would end the whole process.
 */
export class IndexCache {
  readonly #indexes = new Map<InterfaceName, number>();

  /** Stores the index that the kernel answered; false if it was another one before. */
  confirm(device: InterfaceName, ifindex: number): boolean {
    const before = this.#indexes.get(device) ?? ifindex;
    this.#indexes.set(device, ifindex);
    return ifindex === before;
  }

  /**
   * Sends lines in one batch, with the names that look like an index resolved before: a
   * command with such a name is sent only after this very `ip` has answered that a device
   * has it. If that device goes away, `ip` ends or the kernel knows no such index, so
   * that no route goes through another device.
   *
   * @param send sends one batch
   */
  send(
    lines: readonly BatchLine[],
    send: (lines: readonly BatchLine[]) => Promise<BatchResult>,
  ): Promise<BatchResult> {
    for (const { command } of lines) {
      if (!this.#isSafe(command)) return this.#resolveAndSend(lines, send);
    }
    return send(lines);
  }

  async #resolveAndSend(
    lines: readonly BatchLine[],
    send: (lines: readonly BatchLine[]) => Promise<BatchResult>,
  ): Promise<BatchResult> {
    const listed = await send([toLine({ kind: "link-names" })]);
    if (listed.kind === "lost") return listed;
    const names = answerOf(listed.results[0], "link-names")?.names;
    if (names === undefined) return { kind: "lost", why: "ip listed no devices" };
    const existing = new Set<InterfaceName>();
    for (const { command } of lines) {
      const device = this.#isSafe(command) ? undefined : indexLikeName(command);
      if (device !== undefined && names.has(device)) existing.add(device);
    }
    if (existing.size > 0) {
      const resolved = await send(
        [...existing].map((device) => toLine({ kind: "link", device })),
      );
      if (resolved.kind === "lost") return resolved;
    }
    const safe = lines.map(({ command }) => this.#isSafe(command));
    const sent = await send(lines.filter((_, index) => safe[index]));
    if (sent.kind === "lost") return sent;
    const results = sent.results.values();
    return {
      kind: "answered",
      results: lines.map(({ command }, index): OperationResult => {
        const result = safe[index] ? results.next().value : undefined;
        return result ?? noDevice(command);
      }),
    };
  }

  #isSafe(command: Command): boolean {
    const device = indexLikeName(command);
    return device === undefined || this.#indexes.has(device);
  }
}

/** The device that a command names, if `ip` may parse the name as an index. */
export function indexLikeName(command: Command): InterfaceName | undefined {
  const device = deviceOf(command);
  return device !== undefined && /^if[-+]?[0-9]/.test(device) ? device : undefined;
}

function deviceOf(command: Command): InterfaceName | undefined {
  switch (command.kind) {
    case "link":
    case "neighbours":
      return command.device;
    case "look-up":
      return command.from?.device;
    case "probe-neighbour":
    case "delete-neighbour":
      return command.probe.device;
    case "add-route":
    case "replace-route":
    case "delete-route":
      return command.route.device;
    default:
      return undefined;
  }
}

/** As `ip` fails for a name that is no index either. */
function noDevice(command: Command): OperationResult {
  const device = indexLikeName(command) ?? "";
  return { ok: false, failure: classify(`Cannot find device "${device}"`) };
}
