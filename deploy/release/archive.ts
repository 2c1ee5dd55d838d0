import { run } from "./commands.ts";

/** What an archive is made of. */
export interface Contents {
  /** The folder that is packed from. */
  readonly folder: string;
  /** What of it is packed, e.g. one folder. */
  readonly names: readonly string[];
  /** The time of each file, in seconds since 1970. */
  readonly time: number;
}

/**
 * Packs files with tar: sorted, of root, all of one time, so that the same files make the
 * same archive. A name that ends with `.gz` is compressed.
 */
export async function pack(archive: string, contents: Contents): Promise<void> {
  const tar = archive.replace(/\.gz$/, "");
  await run([
    ...["tar", "--create", "--file", tar, "--format=gnu", "--sort=name"],
    ...[`--mtime=@${contents.time}`, "--owner=0", "--group=0", "--numeric-owner"],
    // The permissions that a clone has from the umask of its user.
    ...["--mode=u+rw,go=rX", "--directory", contents.folder, ...contents.names],
  ]);
  // Without the name and the time of the file.
  if (tar !== archive) await run(["gzip", "--no-name", "--best", tar]);
}
