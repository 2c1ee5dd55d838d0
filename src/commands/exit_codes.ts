/** All went as asked. */
export const EXIT_OK = 0;

/** It could not run, or not go on. */
export const EXIT_FAILURE = 1;

/** It was asked in a way that cannot be carried out. */
export const EXIT_USAGE = 2;
