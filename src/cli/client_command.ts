/** What every command does that asks one sidecar and shows what it says. */
import type { Result } from "../shared/result.ts";
import type { CommandEnd, CommandLine } from "./command_definition.ts";
import { EXIT_FAILURE, EXIT_USAGE } from "./exit.ts";
import {
  type CallFault,
  connectSidecar,
  type SidecarConnection,
} from "./grpc_client.ts";
import { readTarget, type Target } from "./target.ts";
import { explainFault } from "./explain_fault.ts";

/** Milliseconds that a call may take if its command says nothing else. */
export const DEADLINE_MS = 3_000;

/** A client command, without what all of them have in common. */
export interface ClientCommand<Answer> {
  readonly name: string;
  /** Milliseconds for each call. @default {@linkcode DEADLINE_MS} */
  readonly deadlineMs?: number;
  readonly ask: (sidecar: SidecarConnection) => Promise<Result<Answer, CallFault>>;
  readonly show: (answer: Answer, target: Target) => Promise<CommandEnd>;
}

/** Asks and shows; if nobody answers, explains why. */
export async function runClient<Answer>(
  { ask, deadlineMs = DEADLINE_MS, name, show }: ClientCommand<Answer>,
  { options }: CommandLine,
): Promise<CommandEnd> {
  const target = await readTarget(name, options);
  if (!target.ok) return { exitCode: EXIT_USAGE, sentence: target.fault };
  const answer = await (async () => {
    using sidecar = connectSidecar(target.value, deadlineMs);
    return await ask(sidecar);
  })();
  if (answer.ok) return await show(answer.value, target.value);
  const sentence = await explainFault(target.value, answer.fault, deadlineMs);
  return { exitCode: EXIT_FAILURE, sentence };
}
