/** Loaded before a program, it makes its start take longer than a second. */
while (performance.now() < 1_000);
