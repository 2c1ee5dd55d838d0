/** The message of a call whose deadline has passed before the kernel was changed. */
export const DEADLINE_EXCEEDED =
  "The deadline had passed before the kernel was touched; nothing was changed";
