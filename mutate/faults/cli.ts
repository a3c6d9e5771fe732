import { faultsIn } from '../fault.ts';

/** The command line: settings, output, errors. */
const cli = (path: string, tests: string, rows: Parameters<typeof faultsIn>[2]) =>
  faultsIn(path, tests, rows).map((fault) => ({ ...fault, file: `packages/cli/src/${path}` }));

const config = 'packages/cli/test/config';
const output = 'packages/cli/test/output';
const lifecycle = 'packages/cli/test/lifecycle';
const original = 'packages/cli/test/original';

export const cliFaults = [
  ...cli('config/settings.ts', config, [
    [
      'the profile goes before the environment',
      'flags.profile === undefined ? choices',
      'flags.profile !== undefined ? choices',
    ],
    ['the key of a profile goes to any server', 'const isForeign = keyFrom ===', 'const isForeign = keyFrom !=='],
    ['an address that is none is tried', '  checkServer(server, serverFrom);\n', ''],
  ]),
  ...cli('config/keep.ts', config, [
    ['a profile is overwritten', 'if (!Object.hasOwn(profiles, name)) return name;', 'return name;'],
    ['the rotated key is not kept', '{ ...each, api_key: key }', '{ ...each }'],
  ]),
  ...cli('config/files.ts', config, [
    [
      'two shells write at once',
      '    return false;\n  } finally {\n    await rm(own',
      '    return true;\n  } finally {\n    await rm(own',
    ],
    ['killed processes leave files for ever', 'if (nowMs - madeMs > lockAgeMs) await rm', 'if (nowMs < 0) await rm'],
    ['the file of a process that waits is removed', 'if (nowMs - madeMs > lockAgeMs) await rm', 'await rm'],
    ['others may read the key', 'const fileMode = 0o600;', 'const fileMode = 0o644;'],
    [
      'the lock of a living process is removed',
      'if (left === undefined || isHeld(left, nowMs - madeMs)) return;',
      'if (left === undefined) return;',
    ],
    ['the lock of a dead process stays', 'return id.startsWith(`${processId()}-`);', 'return true;'],
    ['a lock is left for ever where its number was given again', 'ageMs <= lockAgeMs && isAlive(', 'isAlive('],
  ]),
  ...cli('start/cache.ts', 'packages/cli/test/start', [
    ['Node runs what others may have written', '(mode & 0o022) === 0', 'mode > 0'],
  ]),
  ...cli('output/text.ts', output, [
    ['control characters reach the terminal', '[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]/gu', '[\\p{Cf}\\p{Zl}\\p{Zp}]/gu'],
    [
      'marks that turn text around reach the terminal',
      '[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]/gu',
      '[\\p{Cc}\\p{Zl}\\p{Zp}]/gu',
    ],
    ['wide characters count once', 'return isWide(grapheme.codePointAt(0) ?? 0) ? 2 : 1;', 'return 1;'],
  ]),
  ...cli('output/table.ts', output, [
    ['an id is cut', "new Set<ColumnKind>(['text', 'tags'])", "new Set<ColumnKind>(['text', 'tags', 'id'])"],
  ]),
  ...cli('output/failures.ts', output, [
    ['a missing key is an ordinary failure', '  no_key: exitCodes.auth,\n', ''],
    ['a limit of money is an ordinary failure', '  402: exitCodes.limit,\n', ''],
  ]),
  ...cli('run.ts', config, [
    ['another agent stands in for the named one', "settings?.apiKey ?? ''", 'settings?.apiKey'],
  ]),
  ...cli('run.ts', output, [
    [
      'a closed stderr is a failure',
      '.write(`${safeText(line)}\\n`).catch(() => undefined)',
      '.write(`${safeText(line)}\\n`)',
    ],
    ['a reader that goes away is a failure', 'if (error instanceof OutputClosed) return exitCodes.done;', ''],
    ['Ctrl-C is a failure', 'if (isInterrupted) return exitCodes.interrupted;', ''],
  ]),
  ...cli('commands/lists.ts', output, [
    [
      'rows behind the limit are lost',
      'limit: pageOf(limit - rows.length), cursor: next',
      'limit: pageOf(limit), cursor: next',
    ],
  ]),
  ...cli('commands/front-matter.ts', lifecycle, [
    [
      'the file goes before the flags',
      '{ ...(file === undefined ? {} : await fromDocument(file)), ...fromFlags }',
      '{ ...fromFlags, ...(file === undefined ? {} : await fromDocument(file)) }',
    ],
  ]),
  ...cli('commands/waiting.ts', lifecycle, [
    ['a task that was cancelled is a success', 'withoutResult.includes(task.status)', 'false'],
  ]),
  ...cli('commands/work.ts', original, [
    ['a file needs a result besides', 'const result = args.result ?? flags.file;', 'const result = args.result;'],
  ]),
];
