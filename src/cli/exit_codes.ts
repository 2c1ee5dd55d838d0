/** All went as asked. */
export const EXIT_OK = 0;

/** It could not run, or not go on. */
export const EXIT_FAILURE = 1;

/** It was asked in a way that cannot be carried out. */
export const EXIT_USAGE = 2;

/** Another one is to take over now: EX_TEMPFAIL of sysexits.h(3head). */
export const EXIT_HAND_OVER = 75;
