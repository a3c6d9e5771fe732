import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { liveMarket } from '../../sdk/test/support/market.ts';
import { Shell, shell } from './support/cli.ts';

const live = liveMarket();
const user = shell();
beforeEach(() => {
  user.env.PINCHWORK_SERVER = live.url;
});

const page = async (query = '') => (await fetch(`${live.url}/skill.md${query}`)).text();

describe('pinchwork skill', () => {
  it('prints the guide of the server, or a part of it', async () => {
    expect(await user.ok('skill')).toBe(await page());
    expect(await user.ok('skill --section disputes')).toBe(await page('?section=disputes'));
  });

  it('says which sections there are', async () => {
    const { code, out, err } = await user.run(['skill', '--section', 'odd & more']);
    expect({ code, out }).toEqual({ code: 5, out: '' });
    expect(err).toContain('quick-start');
  });

  it('tells a server that does not answer', async () => {
    const { code, err } = await user.run(['skill'], { env: { PINCHWORK_SERVER: 'http://127.0.0.1:9' } });
    expect(code).toBe(9);
    expect(err).toContain('http://127.0.0.1:9 did not answer');
  });

  it('never sends the key, which it does not need, and follows no redirect', async () => {
    const seen: RequestInit[] = [];
    const watched: typeof fetch = (url, init) => {
      seen.push(init!);
      return fetch(url, init);
    };
    await user.ok('skill', { fetch: watched, env: { PINCHWORK_API_KEY: 'pwk-secret' } });
    expect(seen).toMatchObject([{ redirect: 'error' }]);
    expect(JSON.stringify(seen)).not.toContain('pwk-secret');
  });

  it('asks a server whose address has a path below that path', async () => {
    const asked: string[] = [];
    const below: typeof fetch = async (url) => {
      asked.push((url as URL).href);
      return new Response('The guide');
    };
    const env = { PINCHWORK_SERVER: 'https://host.example/market/' };
    expect(await user.ok('skill', { fetch: below, env })).toBe('The guide\n');
    expect(asked).toEqual(['https://host.example/market/skill.md']);
  });
});

/** A user of its own, for what is left in the home folder. */
async function atHome(run: (user: Shell) => Promise<void>): Promise<void> {
  const own = new Shell({ PINCHWORK_SERVER: live.url });
  await run(own).finally(() => own.remove());
}

/** A server whose index and files are those of a test. */
const serverOf =
  (index: unknown, file = 'evil'): typeof fetch =>
  async (url) =>
    new Response((url as URL).pathname.endsWith('index.json') ? JSON.stringify(index) : file);

describe('pinchwork skill install', () => {
  it('puts the folder where agents look, and again over an older one', async () =>
    atHome(async (own) => {
      mkdirSync(join(own.home, '.openclaw'));
      const places = ['.claude', '.agents', '.openclaw'].map((name) => join(own.home, name, 'skills', 'pinchwork'));
      for (const _ of ['first', 'again']) {
        const installed = await own.json<{ folders: string[]; files: string[] }>('skill install');
        expect(installed.folders).toEqual(places);
        for (const place of places) {
          expect(readFileSync(join(place, 'SKILL.md'), 'utf8')).toContain(`name: pinchwork\n`);
          expect(readdirSync(join(place, 'references')).sort()).toEqual(
            installed.files
              .slice(1)
              .map((file) => file.replace('references/', ''))
              .sort(),
          );
          expect(readFileSync(join(place, 'references/working.md'), 'utf8')).toBe(await page('?section=working'));
        }
        writeFileSync(join(places[0]!, 'SKILL.md'), '---\nname: pinchwork\n---\nolder');
      }
    }));

  it('takes another folder, and leaves out OpenClaw where it is not', async () =>
    atHome(async (own) => {
      expect(await own.ok('skill install --dir here/skills')).toContain(join(own.home, 'here/skills/pinchwork'));
      expect(existsSync(join(own.home, '.claude'))).toBe(false);
      expect((await own.json<{ folders: string[] }>('skill install')).folders).toHaveLength(2);
    }));

  it('overwrites nothing of others, and then installs nowhere', async () =>
    atHome(async (own) => {
      const theirs = join(own.home, '.agents/skills/pinchwork');
      mkdirSync(theirs, { recursive: true });
      writeFileSync(join(theirs, 'SKILL.md'), '---\nname: another\n---\n');
      const { code, err } = await own.run(['skill', 'install']);
      expect(code).toBe(6);
      expect(err).toContain('--dir');
      expect(existsSync(join(own.home, '.claude'))).toBe(false);
      mkdirSync(join(own.home, 'elsewhere'));
      symlinkSync(theirs, join(own.home, 'elsewhere/pinchwork'));
      expect((await own.run(['skill', 'install', '--dir', 'elsewhere'])).code).toBe(6);
      expect(readFileSync(join(theirs, 'SKILL.md'), 'utf8')).toContain('another');
    }));

  it('writes no other path than those of a skill, whatever the server lists', async () =>
    atHome(async (own) => {
      const skill = { name: 'pinchwork', url: '/x/SKILL.md', digest: 'sha256:0' };
      for (const file of ['../evil.md', 'references/../../evil.md', '/evil.md', 'references/a b.md', 'run.sh']) {
        const fetch = serverOf({ skills: [{ ...skill, files: ['SKILL.md', file] }] });
        const { code, err } = await own.run(['skill', 'install'], { fetch });
        expect(code).toBe(1);
        expect(err).toContain('has no skill to install');
      }
      // Nor what is not the text that the index names.
      const changed = serverOf({ skills: [{ ...skill, files: ['SKILL.md'] }] });
      expect((await own.run(['skill', 'install'], { fetch: changed })).err).toContain(
        'not the one that the index names',
      );
      for (const odd of [{}, [], null, 'x', { skills: [{ name: 'pinchwork' }, null] }, { skills: 'x' }]) {
        const { err } = await own.run(['skill', 'install'], { fetch: serverOf(odd) });
        expect(err).toContain('has no skill to install');
      }
      expect(readdirSync(own.home)).toEqual([]);
    }));
});
