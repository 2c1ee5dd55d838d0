/** Every limit of the loop, with its reason. Times are in milliseconds. */

// Batches.

/**
 * Keys that share a batch: some 5 ms of `ip`, so that no call waits longer for those of
 * others, and so many that the exchange itself does not count.
 */
export const BATCH = 128;

/** Calls that may wait; the agent never has more than one. */
export const QUEUE_LIMIT = 1024;

/** From so many destinations on, one walk over the table is cheaper than one for each. */
export const WALK_TOGETHER = 8;

// Tries.

/**
 * Batches that a key takes part in: after an `ip` that was lost, for a route that was
 * there after all, for a device that went away between the observation and the write.
 */
export const ROUNDS = 6;

/** Batches that a key gets alone, after it was lost in company as well. */
export const ROUNDS_ALONE = 2;

/** Losses in a row after which a probe tells whether `ip` answers anything at all. */
export const LOST_IN_A_ROW = ROUNDS - 1;

/** After this time no half is tried any more to find the key that makes `ip` hang. */
export const MOST_MS = 15_000;

/** Tries of a read of everything: it does no harm when it is done twice. */
export const READ_TRIES = 3;

/** So often a failure comes in the same circumstances before it counts as steady. */
export const STEADY = 3;

// Pauses.

/** Between two repairs of one key: within 500 ms the end of contention is seen. */
export const REPAIR_BACKOFF = { firstMs: 10, mostMs: 500 } as const;

/** Without a repair for so long, the back-off of a key begins anew. */
export const IDLE_MS = 5_000;

/** From so many repairs in a row on it is contention, and logged once. */
export const CONTENTION_COUNT = 4;

/** How often the end of contention is looked for. */
export const CONTENTION_CHECK_MS = 1_000;

/** After a repair comes a rest of so many times its duration: it has a fifth of the time. */
export const REST = 4;

/** An `ip` that hangs makes a repair take 12 s: that is no work to rest from. */
export const LONGEST_REST_MS = 4_000;

/** Rest that may be owed, or 254 routes swept away would come back in two parts. */
export const OWED_REST_MS = 1_000;

// Resyncs.

/** A resync comes so soon after the start, and after events were lost. */
export const EARLY_RESYNC_MS = 1_000;

/** What a monitor that was started needs to subscribe, and more. */
export const SUBSCRIBED_MS = 500;

/** The first pause after a resync that failed; it doubles up to the interval. */
export const FIRST_RESYNC_RETRY_MS = 1_000;

/** Resyncs that fail in a row before the health says so. */
export const FAILED_RESYNCS = 3;
