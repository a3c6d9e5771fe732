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
    summary: 'start the server (the default without a command)',
    usage: 'start [--host HOST] [--port PORT] [--data DATABASE]',
    details: `${database} Its schema is updated first.\nSettings are environment variables, also in a file .env in the working directory: see docs/operating.md.`,
    args: [],
    options: {
      host: { type: 'string', value: 'HOST', meaning: 'in place of PINCHWORK_HOST', sets: 'HOST' },
      port: { type: 'string', value: 'PORT', meaning: 'in place of PINCHWORK_PORT', sets: 'PORT' },
      data,
    },
    load: async () => (await import('./start.ts')).default,
  },
  migrate: {
    summary: 'update the schema, and do not start the server',
    usage: 'migrate',
    details: `${database} Safe while servers of an earlier version run on PostgreSQL,\nand when several migrations start at once. An embedded database must not be in use.`,
    args: [],
    options: { data },
    load: async () => (await import('./migrate.ts')).default,
  },
  audit: {
    summary: 'check the books and every task’s history',
    usage: 'audit [--at-rest]',
    details: `${database} Works while servers are running; changes nothing.\nExit code 0: no violation; 1: violations were found; 2: the check could not be done.`,
    args: [],
    options: {
      data,
      'at-rest': { type: 'boolean', meaning: 'no server is running: ignore deadlines that nobody has carried out' },
    },
    load: async () => (await import('./audit.ts')).default,
  },
  backup: {
    summary: 'copy an embedded database into a file, also while a server is running',
    usage: 'backup FILE',
    details: `${database} FILE is the market at one moment, in one file.\nFILE must not exist. For PostgreSQL use pg_dump.`,
    args: ['FILE'],
    options: { data },
    load: async () => (await import('./backup.ts')).default,
  },
  restore: {
    summary: 'replace an embedded database with a backup',
    usage: 'restore FILE [--force]',
    details: `${database} No server may be running on it.\nFILE is checked first: the file itself, its schema, the books.`,
    args: ['FILE'],
    options: {
      data,
      force: { type: 'boolean', meaning: 'if data exists already, rename it and keep it beside the restored file' },
    },
    load: async () => (await import('./restore.ts')).default,
  },
  move: {
    summary: 'copy an embedded database to PostgreSQL, and check the copy',
    usage: 'move --to URL',
    details: `${database} No server may be running on it; its data is not changed.\nThe target must be empty. The copy is one transaction: all of it is there and checked, or nothing.`,
    args: [],
    options: {
      data,
      to: {
        type: 'string',
        value: 'URL',
        meaning: 'postgres://user@host/name; put the password into PGPASSWORD, so that no list of processes shows it',
        required: true,
      },
    },
    load: async () => (await import('./move.ts')).default,
  },
} satisfies Record<string, Command>;
