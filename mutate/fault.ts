/** One change to the sources that some test must notice. */
export interface Fault {
  /** A description of what it breaks. */
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  /** A text that occurs in the file exactly once. */
  readonly find: string;
  readonly put: string;
  /** Parts of the paths of the test files that should fail. */
  readonly tests: readonly string[];
  readonly engine: 'sqlite' | 'postgres';
  /** Why it is correct that no test notices it. */
  readonly survives?: string;
}

type Row = readonly [name: string, find: string, put: string, tests?: string | undefined, more?: Partial<Fault>];

/** Faults of one file. A row's own tests, separated by spaces, take the place of `tests`. */
export const faultsAt = (file: string, tests: string, rows: readonly Row[]): Fault[] =>
  rows.map(([name, find, put, own, more]) => ({
    name,
    file,
    find,
    put,
    tests: (own ?? tests).split(' '),
    engine: 'sqlite',
    ...more,
  }));

/** Faults of one file of the server. */
export const faultsIn = (path: string, tests: string, rows: readonly Row[]): Fault[] =>
  faultsAt(`packages/server/src/${path}`, tests, rows);
