/** How the program ends (contract section 12, "Exit codes"). */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  nothing: 3,
  auth: 4,
  notFound: 5,
  conflict: 6,
  limit: 7,
  timedOut: 8,
  network: 9,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
