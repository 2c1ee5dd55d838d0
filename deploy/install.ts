/**
 * `deno task install [FOLDER]` puts `quilt-sidecar` on the PATH: a link to the launcher of
 * this clone, so that an update of the clone is one of the command. Without a folder the
 * link goes to `~/.local/bin`. The command is uninstalled by the removal of the link.
 */
import { resolve } from "node:path";

/** What every launcher that this may replace is called, in whatever clone. */
const LAUNCHER = "/bin/quilt-sidecar";

/** What stands at the place of the link. */
type Occupant =
  | { readonly kind: "nothing" | "foreign" }
  | { readonly kind: "launcher"; readonly target: string };

function write(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  stream.writeSync(new TextEncoder().encode(`${text}\n`));
}

function occupantOf(link: string): Occupant {
  try {
    if (!Deno.lstatSync(link).isSymlink) return { kind: "foreign" };
    const target = Deno.readLinkSync(link);
    return target.endsWith(LAUNCHER)
      ? { kind: "launcher", target }
      : { kind: "foreign" };
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return { kind: "nothing" };
    throw cause;
  }
}

/** Makes the link; the answer is what happened, or why nothing did. */
function makeLink(
  folder: string,
  launcher: string,
): { readonly done: boolean; readonly sentence: string } {
  const link = `${folder}/quilt-sidecar`;
  try {
    Deno.mkdirSync(folder, { recursive: true });
    const occupant = occupantOf(link);
    if (occupant.kind === "foreign") {
      return {
        done: false,
        sentence: `${link} is not ours; move it away, or name another folder`,
      };
    }
    if (occupant.kind === "launcher") {
      if (occupant.target === launcher) {
        return { done: true, sentence: `${link} is there already` };
      }
      Deno.removeSync(link);
    }
    Deno.symlinkSync(launcher, link);
    const replaced = occupant.kind === "launcher"
      ? `, and no longer to ${occupant.target}`
      : "";
    return { done: true, sentence: `${link} is a link to this clone${replaced}` };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return {
      done: false,
      sentence: `Cannot make ${link}: ${why}; name another folder`,
    };
  }
}

/** What to do next. */
function nextSteps(folder: string): readonly string[] {
  const isFound = (Deno.env.get("PATH") ?? "").split(":").includes(folder);
  return [
    ...isFound
      ? []
      : [`It is not in PATH yet; for this shell: export PATH="${folder}:$PATH"`],
    "See what it can do:      quilt-sidecar help",
    "Complete its words:      source <(quilt-sidecar completions bash)",
    "Read its manual:         quilt-sidecar man | man -l -",
    `Take it away again:      rm ${folder}/quilt-sidecar`,
  ];
}

const [given, ...more] = Deno.args;
if (more.length > 0 || given?.startsWith("-") === true) {
  write(Deno.stderr, "Name one folder, or none: deno task install [FOLDER]");
  Deno.exit(2);
}
// The task runs in the root of the clone, and a folder is named from where the user is.
const here = Deno.env.get("INIT_CWD") ?? Deno.cwd();
const folder = resolve(here, given ?? `${Deno.env.get("HOME") ?? "/root"}/.local/bin`);
const launcher = resolve(import.meta.dirname ?? here, `..${LAUNCHER}`);
const { done, sentence } = makeLink(folder, launcher);
if (!done) {
  write(Deno.stderr, sentence);
  Deno.exit(1);
}
write(Deno.stdout, [sentence, ...nextSteps(folder)].join("\n"));
