import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { commands } from '../../src/commands/commands.ts';
import { settings } from '../../src/ground/settings.ts';

const path = (name: string) => fileURLToPath(new URL(`../../../../${name}`, import.meta.url));
const read = (name: string) => readFileSync(path(name), 'utf8');
const guide = read('docs/operating.md');
const matches = (text: string, pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map(([, found]) => found!))];

describe('docs/operating.md', () => {
  it('describes every setting, and no others', () => {
    const named = matches(guide, /PINCHWORK_([A-Z_]*[A-Z])/g);
    expect(named.sort()).toEqual(Object.keys(settings).sort());
  });

  it('explains every metric, and no others', () => {
    const named = (text: string) => matches(text, /[`'](pinchwork_[a-z_]+)[`']/g).sort();
    expect(named(guide)).toEqual(named(read('packages/server/src/metrics/metrics.ts')));
  });

  it('describes every command, and no others', () => {
    const named = matches(guide, /pinchwork-server ([a-z]+)/g);
    // `start` is the default without a command.
    expect(named.sort()).toEqual(
      Object.keys(commands)
        .filter((name) => name !== 'start')
        .sort(),
    );
  });

  it('has no broken links', () => {
    const anchors = matches(guide, /^#+ (.*)$/gm).map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-')
        .replace(/-$/, ''),
    );
    for (const link of matches(guide, /\]\((?!https:)([^)]+)\)/g)) {
      const [file, anchor] = link.split('#');
      if (file !== '') expect(existsSync(path(`docs/${file!}`)), link).toBe(true);
      else expect(anchors, link).toContain(anchor);
    }
  });
});

describe('deploy/pinchwork.service', () => {
  const unit = read('deploy/pinchwork.service');
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)![1]!;

  it('starts an existing file, and waits longer for its end than it needs', () => {
    const folder = value('WorkingDirectory');
    const [node, program] = value('ExecStart').split(' ');
    expect(existsSync(path(node!.replace(`${folder}/`, '')))).toBe(true);
    expect(existsSync(path(program!))).toBe(true);
    expect(Number(value('TimeoutStopSec'))).toBeGreaterThan(10);
  });

  it('is restarted however often it ends', () => {
    expect(value('Restart')).toBe('always');
    const [, section] = /^\[Unit\]$([^[]*)/m.exec(unit)!;
    expect(section).toMatch(/^StartLimitIntervalSec=0$/m);
  });

  it('has the same user, settings and program as the guide uses for the other commands', () => {
    const [, command] = /^pinchwork-server\(\) \{$([^]*?)^\}$/m.exec(guide)!;
    const [node, program] = value('ExecStart').split(' ');
    for (const word of [
      `--uid=${value('User')}`,
      `--gid=${value('Group')}`,
      `--working-directory=${value('WorkingDirectory')}`,
      `--property=EnvironmentFile=${value('EnvironmentFile')}`,
      `--setenv=${/^Environment=(PINCHWORK_.*)$/m.exec(unit)![1]!}`,
      `${node!} ${program!} "$@"`,
    ]) {
      expect(command).toContain(word);
    }
  });

  it('sets only known settings, and keeps the data where the process may write', () => {
    for (const name of matches(unit, /PINCHWORK_([A-Z_]*[A-Z])/g)) expect(settings).toHaveProperty(name);
    expect(unit).toContain(`PINCHWORK_DATABASE_URL=/var/lib/${value('StateDirectory')}/`);
  });
});
