/** The notes of a release are its section of CHANGELOG.md. */

/**
 * The section of a version, without its heading.
 *
 * @throws {Error} if the text has none, or if it has no date.
 */
export function notesOf(changelog: string, version: string): string {
  const [, ...sections] = changelog.split(/^## /m);
  const section = sections.find((text) => text.split(/\s/, 1)[0] === version);
  if (section === undefined) throw new Error(`CHANGELOG.md has no section ${version}`);
  const [heading = "", ...lines] = section.split("\n");
  if (!/^\S+ - \d{4}-\d{2}-\d{2}$/.test(heading)) {
    throw new Error(
      `CHANGELOG.md has no date for ${version}: write "## ${version} - YYYY-MM-DD"`,
    );
  }
  return `${lines.join("\n").trim()}\n`;
}
