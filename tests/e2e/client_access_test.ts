/** Every command that calls a sidecar does so on a port, on a Unix socket, and over TLS. */
import assert from "node:assert/strict";
import type { ClientCommand } from "../support/serve_task.ts";
import { partOf } from "../support/suite.ts";
import { ACCESSES, follow, openOperatorHost, type OperatorHost } from "./operator.ts";

/** What is typed, and what is to be seen then. */
interface Step {
  readonly words?: readonly string[];
  readonly stdin?: string;
  readonly shown: RegExp;
  /** @default {[0]} */
  readonly codes?: readonly number[];
  /** It goes on until Ctrl-C. @default {false} */
  readonly goesOn?: boolean;
}

/** In this order each finds what those before it have left. */
const STEPS = {
  configure: {
    words: ["10.42.1.0/24"],
    shown: /^Configured 10\.42\.1\.0\/24 as the subnet of this node\n$/,
  },
  inject: {
    words: ["10.42.2.0/24", "vxlan100"],
    shown: /^The kernel has 10\.42\.2\.0\/24 dev vxlan100\n$/,
  },
  events: { shown: /^\S+Z sidecar {2}answers$/, goesOn: true },
  routes: { shown: /^10\.42\.2\.0\/24 +vxlan100 +installed /m },
  allocate: {
    words: ["web-1"],
    shown: /^web-1 has 10\.42\.1\.2; subnet 10\.42\.1\.0\/24, gateway 10\.42\.1\.1\n$/,
  },
  addresses: { shown: /^10\.42\.1\.2 +web-1$/m },
  status: { shown: /^Node subnet {3}10\.42\.1\.0\/24, gateway 10\.42\.1\.1$/m },
  // The bare host has findings; whether they are critical is not the question here.
  doctor: { words: ["--json"], shown: /"answers":true/, codes: [0, 1, 3] },
  health: { shown: /^$/ },
  release: { words: ["web-1"], shown: /^Released 10\.42\.1\.2 of web-1\n$/ },
  sync: {
    words: ["-", "--yes"],
    stdin: "- {destination: 10.42.3.0/24, device: vxlan100}\n",
    shown: /^1 added, 1 removed, 0 unchanged$/m,
  },
  remove: {
    words: ["10.42.3.0/24"],
    shown: /^The kernel has no overlay route to 10\.42\.3\.0\/24\n$/,
  },
  bundle: { shown: /^Routes {8}0 installed, 0 pending/m },
} as const satisfies Readonly<Record<ClientCommand, Step>>;

async function take(
  host: OperatorHost,
  command: ClientCommand,
  { codes = [0], goesOn = false, shown, stdin = "", words = [] }: Step,
): Promise<void> {
  if (goesOn) {
    await using followed = follow(host.namespace, host.words(command, words));
    await followed.shown(shown);
    followed.kill("SIGINT");
    assert.ok(codes.includes(await followed.ended));
    return;
  }
  const { code, stderr, stdout } = await host.run(command, words, { stdin });
  assert.equal(stderr, "", command);
  assert.ok(codes.includes(code), `${command} ended with ${code}`);
  assert.match(stdout, shown, command);
}

/** The quick suite takes those that change something, and a watch. */
const STEPS_TAKEN: readonly (readonly [string, Step])[] = partOf(
  Object.entries(STEPS),
  3,
);

function isCommand(name: string): name is ClientCommand {
  return name in STEPS;
}

for (const access of ACCESSES) {
  const names = STEPS_TAKEN.map(([name]) => name).join(", ");
  Deno.test(`by ${access}, the sidecar answers ${names}`, async () => {
    await using host = await openOperatorHost(access);
    for (const [name, step] of STEPS_TAKEN) {
      assert.ok(isCommand(name));
      await take(host, name, step);
    }
  });
}
