/** Releases for the tests: this one, made twice, and the one before it. */
import { repository } from "./serve_task.ts";

/** The variable with the folder that holds this release twice, as `first` and `second`. */
export const RELEASES = "QUILT_RELEASES";

/** Stands there in place of a release that could not be made. */
export const NO_RELEASES = "none";

/** The release before this one, by the commit that it was made of. */
export const BEFORE = {
  version: "0.1.0",
  commit: "772959bb4a02f9a99f3a05e34b08382fada01496",
} as const;

/** The time of a release that is made of files which are not committed. */
const TIME = "1764374400";

/** What a release is made of. */
const SOURCES = [
  ...["bin", "deploy", "proto", "src"],
  ...[".containerignore", "CHANGELOG.md", "Containerfile", "LICENSE"],
  ...["deno.json", "deno.lock"],
].map((name) => `${repository}/${name}`);

/**
 * The commands that make both releases of this tree in a folder, from one copy of it, so
 * that nobody edits a file between both.
 */
export function makeBoth(folder: string): readonly (readonly string[])[] {
  const source = `${folder}/source`;
  const made = ["first", "second"].map((name) => [
    ...["env", "--chdir", source, `SOURCE_DATE_EPOCH=${TIME}`],
    ...[Deno.execPath(), "run", "--frozen", "--allow-all"],
    ...["deploy/release/make.ts", `${folder}/${name}`],
  ]);
  return [
    ["mkdir", source],
    ["cp", "--archive", ...SOURCES, `${source}/`],
    ...made,
  ];
}

/**
 * The commands that put the release before into a folder: its source, and its packages
 * from its own lock file, in a DENO_DIR of its own.
 */
export function unpackBefore(folder: string): readonly (readonly string[])[] {
  const archive = `${folder}/source.tar`;
  return [
    [
      ...["git", "-c", "safe.directory=*", "-C", repository, "archive"],
      ...[`--output=${archive}`, "--prefix=source/", BEFORE.commit],
    ],
    ["tar", "--extract", "--file", archive, "--directory", folder],
    [
      ...["env", "--chdir", `${folder}/source`, `DENO_DIR=${folder}/deno-dir`],
      ...[Deno.execPath(), "install", "--quiet", "--frozen"],
      ...["--entrypoint", "src/main.ts"],
    ],
  ];
}

/**
 * Registers the tests of both releases of this tree, or one in their place, as
 * `withImage` does.
 *
 * @param register gets the folders of both
 */
export function withReleases(
  what: string,
  register: (first: string, second: string) => void,
): void {
  const folder = Deno.env.get(RELEASES);
  if (folder === NO_RELEASES) {
    return Deno.test(`${what}: needs the release`, () => {
      throw new Error(
        "The release could not be made; the run says why at its beginning",
      );
    });
  }
  if (folder !== undefined) return register(`${folder}/first`, `${folder}/second`);
  Deno.test({
    name: `${what}: left out, deno task test:all has it, as root and with buildah`,
    ignore: true,
    fn: () => {},
  });
}
