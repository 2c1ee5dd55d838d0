/**
 * `quilt-sidecar` in a container of the image: the commands that an operator types there.
 *
 * The image has no shell, which could read the grants off the command line as
 * bin/quilt-sidecar does, and a program that may start Deno with other grants may do
 * anything. So all commands start with the permission set `image` of deno.json, and what
 * the one at hand does not need is given up before it is loaded. Nothing brings it back,
 * because nobody is asked.
 *
 * Words: the path of /usr/bin/quilt-sidecar, whose first line names this file, then those
 * of the command line. Linux before 5.1 reads only 127 bytes of that line.
 */
import { surplusGrants } from "./surplus_grants.ts";

const [, ...words] = Deno.args;
for (const surplus of surplusGrants(words)) Deno.permissions.revokeSync(surplus);
const { runProgram } = await import("../../src/cli/program.ts");
Deno.exit(await runProgram(words));
