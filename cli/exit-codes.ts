/** How every verb ends. */
export const EXIT = {
  done: 0,
  /** What was asked for did not happen. */
  error: 1,
  /** The command line cannot be used as it is. */
  usage: 2,
  /** Some of it happened: standard error says what did not. */
  partly: 3,
  notFound: 4,
  /** The API key is missing, wrong, or may not do this. */
  notAllowed: 5,
  /** Ctrl-C. */
  interrupted: 130,
  /** SIGTERM. */
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
