/**
 * Waits for all that goes on side by side, and only then fails as the first that failed:
 * what would go on alone meets the next test.
 */
export async function lanes<All extends readonly unknown[] | []>(
  all: All,
): Promise<{ -readonly [At in keyof All]: Awaited<All[At]> }> {
  await Promise.allSettled(all);
  return await Promise.all(all);
}
