import type { Command } from './command.ts';

const database = 'The database is the one that PINCHWORK_DATABASE_URL or --data names.';

const data = {
  type: 'string',
  value: 'DATABASE',
  meaning: 'in place of PINCHWORK_DATABASE_URL',
  sets: 'DATABASE_URL',
} as const;

/** The subcommands of `pinchwork-server`, in the order of the help. */
export const commands = {
  start: {
    summary: 'serve the market (what happens without a command)',
    usage: 'start [--host HOST] [--port PORT] [--data DATABASE]',
    details: `${database} Its schema is brought up to date first.\nSettings are environment variables, also in a file .env in the working directory: docs/operating.md says which.`,
    args: [],
    options: {
      host: { type: 'string', value: 'HOST', meaning: 'in place of PINCHWORK_HOST', sets: 'HOST' },
      port: { type: 'string', value: 'PORT', meaning: 'in place of PINCHWORK_PORT', sets: 'PORT' },
      data,
    },
    load: async () => (await import('./start.ts')).default,
  },
  migrate: {
    summary: 'bring the schema up to date, and serve nothing',
    usage: 'migrate',
    details: `${database} Safe while servers of an earlier version are running on PostgreSQL,\nand when several do it at once. An embedded database must not be in use.`,
    args: [],
    options: { data },
    load: async () => (await import('./migrate.ts')).default,
  },
  audit: {
    summary: 'check the books and every task’s history',
    usage: 'audit [--at-rest]',
    details: `${database} Also while servers are running on it; changes nothing.\nExit code 0: everything is in order; 1: something is broken; 2: it could not be checked.`,
    args: [],
    options: {
      data,
      'at-rest': { type: 'boolean', meaning: 'no server is running: what has fallen due since is no fault' },
    },
    load: async () => (await import('./audit.ts')).default,
  },
  backup: {
    summary: 'copy an embedded database into a file, also while a server is running',
    usage: 'backup FILE',
    details: `${database} FILE is the market as it stands at one moment, in one file.\nIt must not exist. PostgreSQL has pg_dump for this.`,
    args: ['FILE'],
    options: { data },
    load: async () => (await import('./backup.ts')).default,
  },
  restore: {
    summary: 'put a backup in the place of an embedded database',
    usage: 'restore FILE [--force]',
    details: `${database} No server may be running on it.\nFILE is checked first: the file itself, its schema, the books.`,
    args: ['FILE'],
    options: {
      data,
      force: { type: 'boolean', meaning: 'there is data already: put it aside, under another name beside it' },
    },
    load: async () => (await import('./restore.ts')).default,
  },
  move: {
    summary: 'copy an embedded database to PostgreSQL, whole, and check the copy',
    usage: 'move --to URL',
    details: `${database} No server may be running on it, and it is left as it is.\nThe target must be empty. The copy is one transaction: it is there whole and checked, or not at all.`,
    args: [],
    options: {
      data,
      to: {
        type: 'string',
        value: 'URL',
        meaning: 'postgres://user@host/name; the password can stand in PGPASSWORD, where no list of processes shows it',
        required: true,
      },
    },
    load: async () => (await import('./move.ts')).default,
  },
} satisfies Record<string, Command>;
