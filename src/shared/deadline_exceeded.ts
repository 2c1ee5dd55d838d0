/** The message of a call whose deadline has passed before the kernel was changed. */
export const DEADLINE_EXCEEDED =
  "The deadline passed before the call reached the kernel; nothing was changed";
