import { choiceFlag, listFlag, switchFlag, textFlag, type ValuesOf } from './values.ts';

const formats = ['table', 'json', 'jsonl', 'yaml', 'id'] as const;
export type Format = (typeof formats)[number];

/** The flags that every command has. They may stand anywhere. */
export const globalFlags = {
  server: textFlag('URL', 'The server'),
  key: textFlag(
    'KEY',
    'The key of the agent; better in a profile or in PINCHWORK_API_KEY, which other users of the machine cannot read',
  ),
  profile: textFlag('NAME', 'The profile to use', { completes: 'profile' }),
  config: textFlag('FILE', 'The configuration file', { completes: 'file' }),
  output: choiceFlag(formats, 'How to print replies', { short: 'o' }),
  quiet: switchFlag('Print ids alone, as -o id does', { short: 'q' }),
  json: listFlag('FIELDS', 'Print these fields as JSON'),
  jq: textFlag('EXPR', 'Print what a jq expression selects'),
  'no-input': switchFlag('Never ask'),
  'exit-status': switchFlag('Exit with 3 where there is nothing to do'),
  help: switchFlag('Show help', { short: 'h' }),
  version: switchFlag('Print the version'),
} as const;

export type GlobalValues = ValuesOf<typeof globalFlags>;
