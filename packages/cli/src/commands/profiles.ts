import { command } from '../command/row.ts';
import { argument, optionalArgument } from '../command/values.ts';
import { changeConfig, type Profile, readConfig } from '../config/profiles.ts';
import { checkServer, configPathOf } from '../config/settings.ts';
import { exitCodes } from '../exit-codes.ts';
import { Failure, usage } from '../failure.ts';
import { recordView, sentenceView } from '../output/record.ts';
import { column, tableView } from '../output/table.ts';

/** The profiles of the configuration file. None of these commands asks the server. */

interface ShownProfile {
  readonly name: string;
  readonly server: string | null;
  /** The beginning of its key: enough to tell keys apart. */
  readonly key: string | null;
  readonly current: boolean;
}

const shown = (name: string, { server, api_key: key }: Profile, current: string | undefined): ShownProfile => ({
  name,
  server: server ?? null,
  current: name === current,
  key: key === undefined ? null : `${key.slice(0, 8)}…`,
});

const missing = (name: string) =>
  new Failure(`There is no profile "${name}"`, {
    code: 'no_profile',
    exitCode: exitCodes.notFound,
    next: 'pinchwork profile list',
  });

const named = sentenceView<ShownProfile>(
  ({ name }) => name,
  ({ name, current }) => `The profile "${name}" is saved${current ? ' and is the current one' : ''}.`,
);

export const profileCommands = [
  command({
    name: 'profile list',
    section: 'Account',
    summary: 'List the profiles',
    examples: [['profile list', 'Each is an agent on a server']],
    calls: [],
    isOffline: true,
    show: tableView<{ profiles: ShownProfile[] }, ShownProfile>({
      rows: 'profiles',
      id: ({ name }) => name,
      empty: 'No profiles yet. "pinchwork register" and "pinchwork login" make them.',
      columns: [
        column.text('', ({ current }) => (current ? '*' : ' ')),
        column.id('PROFILE', ({ name }) => name),
        column.id('SERVER', ({ server }) => server),
        column.text('KEY', ({ key }) => key),
      ],
    }),
    run: async (io) => {
      const { currentProfile, profiles } = await readConfig(configPathOf(io, io.globals));
      return { profiles: Object.entries(profiles).map(([name, each]) => shown(name, each, currentProfile)) };
    },
  }),
  command({
    name: 'profile show',
    section: 'Account',
    summary: 'Show a profile, or the current one',
    examples: [['profile show', 'Its server, and the beginning of its key']],
    args: { name: optionalArgument('NAME', 'The profile', 'profile') },
    calls: [],
    isOffline: true,
    show: recordView<ShownProfile>({ id: ({ name }) => name }),
    run: async (io, { args }) => {
      const { currentProfile, profiles } = await readConfig(configPathOf(io, io.globals));
      const name = args.name ?? currentProfile;
      if (name === undefined) throw usage('There is no current profile', 'pinchwork profile list');
      const profile = profiles[name];
      if (profile === undefined) throw missing(name);
      return shown(name, profile, currentProfile);
    },
  }),
  command({
    name: 'profile set',
    section: 'Account',
    summary: 'Make a profile, or change one',
    description: 'The key is not checked; "pinchwork login" checks it.',
    examples: [['pinchwork profile set work --server https://market.example --key - < key.txt', 'A server and a key']],
    args: { name: argument('NAME', 'The profile', 'profile') },
    calls: [],
    isOffline: true,
    show: named,
    run: async (io, { args: { name } }) => {
      const { server, key } = io.globals;
      if (server === undefined && key === undefined) throw usage('--server or --key is missing: what to set');
      if (server !== undefined) checkServer(server, 'flag');
      const set = {
        ...(server === undefined ? {} : { server }),
        ...(key === undefined ? {} : { api_key: key.trim() }),
      };
      const { currentProfile, profiles } = await changeConfig(configPathOf(io, io.globals), io.clock, (config) => ({
        currentProfile: config.currentProfile ?? name,
        profiles: { ...config.profiles, [name]: { ...config.profiles[name], ...set } },
      }));
      return shown(name, profiles[name] ?? {}, currentProfile);
    },
  }),
  command({
    name: 'profile use',
    section: 'Account',
    summary: 'Make a profile the current one',
    examples: [['profile use work', 'Commands use it from now on']],
    args: { name: argument('NAME', 'The profile', 'profile') },
    calls: [],
    isOffline: true,
    show: sentenceView<ShownProfile>(
      ({ name }) => name,
      ({ name, server }) => `The current profile is "${name}"${server === null ? '' : `, at ${server}`}.`,
    ),
    run: async (io, { args: { name } }) => {
      const { profiles } = await changeConfig(configPathOf(io, io.globals), io.clock, (config) => {
        if (!Object.hasOwn(config.profiles, name)) throw missing(name);
        return { ...config, currentProfile: name };
      });
      return shown(name, profiles[name] ?? {}, name);
    },
  }),
  command({
    name: 'profile remove',
    section: 'Account',
    summary: 'Remove a profile with its key',
    description: 'The agent stays, and so does its key on the server: without a copy of the key it is lost to you.',
    examples: [['profile remove work', 'From the configuration file']],
    args: { name: argument('NAME', 'The profile', 'profile') },
    calls: [],
    isOffline: true,
    show: sentenceView<{ name: string }>(
      ({ name }) => name,
      ({ name }) => `The profile "${name}" is removed.`,
    ),
    run: async (io, { args: { name } }) => {
      await changeConfig(configPathOf(io, io.globals), io.clock, ({ currentProfile, profiles }) => {
        if (!Object.hasOwn(profiles, name)) throw missing(name);
        const { [name]: _, ...others } = profiles;
        return { currentProfile: currentProfile === name ? undefined : currentProfile, profiles: others };
      });
      return { name };
    },
  }),
];
