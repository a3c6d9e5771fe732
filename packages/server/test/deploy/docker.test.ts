import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { limits } from '@pinchwork/sdk/table';
import { validate } from 'dockerfile-utils';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { builtProgram } from '../../src/doors/http/documents/client.ts';
import { commands } from '../../src/commands/commands.ts';
import { readConfig } from '../../src/ground/config.ts';
import { settings } from '../../src/ground/settings.ts';

/** The Dockerfile and compose.yaml must agree with the program. The tests need no container engine. */
const path = (name: string) => fileURLToPath(new URL(`../../../../${name}`, import.meta.url));
const read = (name: string) => readFileSync(path(name), 'utf8');

const dockerfile = read('Dockerfile');
/** Each instruction of the last stage on one line: `[word, the rest]`. */
const stage = dockerfile
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, ' ')
  .split(/^(?=FROM )/m)
  .at(-1)!
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => /^(\S+) (.*)$/.exec(line)!.slice(1) as [string, string]);
const all = (word: string) => stage.filter(([first]) => first === word).map(([, rest]) => rest);
const env = Object.fromEntries(all('ENV').flatMap((line) => line.split(' ').map((pair) => pair.split('=', 2))));

interface Service {
  readonly environment?: Record<string, string>;
  readonly networks?: string[] | { market: { ipv4_address: string } };
  readonly depends_on?: string[] | Record<string, object>;
  readonly volumes?: string[];
  readonly ports?: string[];
  readonly read_only?: boolean;
}
const compose = parse(read('compose.yaml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
  networks: { market: { ipam: { config: unknown } } };
};
/** The fixed address of a service. */
const fixedAddress = ({ networks }: Service) => (networks as { market: { ipv4_address: string } }).market.ipv4_address;
const nodes = Object.entries(compose.services).filter(([name]) => name.startsWith('node-'));
const nginx = read('deploy/nginx.conf');
/** The value of a directive of nginx. */
const directive = (name: string) => new RegExp(`^\\s*${name} (.*);$`, 'm').exec(nginx)?.[1];

/** Replaces `${…}` as Compose does: from an environment that has the required variables and no others. */
const substitute = (value: string) =>
  value.replaceAll(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, _name, sign, rest) => (sign === '-' ? rest : 'secret'));

describe('the Dockerfile', () => {
  it('is clean to a linter', () => {
    expect(validate(dockerfile)).toEqual([]);
  });

  it('has the Node version that the program requires and the tests use', () => {
    const { engines } = JSON.parse(read('packages/server/package.json')) as { engines: { node: string } };
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: { node: string } };
    const images = [...dockerfile.matchAll(/^FROM node:(\d+)-slim/gm)].map(([, major]) => major!);
    expect(images).toHaveLength(3);
    for (const major of images) {
      expect(`>=${major}`).toBe(engines.node);
      expect(dependencies.node.split('.')[0]).toBe(major);
    }
  });

  it('copies existing files, and installs only the server, without the dependencies of tests', () => {
    const sources = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, names]) => names!.split(' '));
    expect(sources.filter((name) => !existsSync(path(name)))).toEqual([]);
    expect(dockerfile).toMatch(/^RUN npm ci --omit=dev --ignore-scripts --workspace=@pinchwork\/server$/m);
    const ignored = read('.dockerignore').split('\n');
    for (const name of ['*', '**/node_modules', '**/test', '**/*.db*']) expect(ignored).toContain(name);
    for (const name of sources) expect(ignored).toContain(`!${name.split('/')[0]!}`);
  });

  it('builds the command line and the pages where the server looks for them', () => {
    const built = 'packages/cli/dist';
    for (const folder of [built, 'packages/web/dist']) {
      expect(all('COPY')).toContain(`--from=client /app/${folder} ${folder}`);
    }
    expect(fileURLToPath(builtProgram)).toBe(path(`${built}/pinchwork.mjs`));
    expect(dockerfile).toContain(
      'RUN node packages/sdk/build.ts && node packages/cli/build.ts && node packages/web/build.ts\n',
    );
  });

  it('runs the server as an ordinary user, with its data in the volume, on the exposed port', () => {
    const { config, warnings } = readConfig(env);
    expect(warnings).toEqual([]);
    expect(config.host).toBe('0.0.0.0');
    expect(all('EXPOSE')).toEqual([String(config.port)]);
    expect(String(config.port)).toBe(settings.PORT.default);
    expect(config.databaseUrl.startsWith(`${all('VOLUME')[0]!}/`)).toBe(true);
    expect(all('USER')).toEqual(['1000:1000']);
    expect(all('RUN').join()).toContain(`chown 1000:1000 ${all('VOLUME')[0]!}`);
    const [program, file] = JSON.parse(all('ENTRYPOINT')[0]!) as string[];
    expect(program).toBe('node');
    expect(existsSync(path(file!.replace(/^\/app\//, '')))).toBe(true);
    expect(Object.keys(commands)).toEqual(expect.arrayContaining(JSON.parse(all('CMD')[0]!) as string[]));
    expect(all('HEALTHCHECK')[0]).toContain('${process.env.PINCHWORK_PORT}/health`');
  });
});

describe('compose.yaml', () => {
  it('has two equal nodes with valid settings', () => {
    expect(nodes).toHaveLength(2);
    const [[, one], [, other]] = nodes as [[string, Service], [string, Service]];
    expect({ ...other, networks: one.networks }).toEqual(one);
    const environment = Object.entries(one.environment!).map(([name, value]) => [name, substitute(value)]);
    const { config, warnings } = readConfig({ ...env, ...Object.fromEntries(environment) });
    expect(warnings).toEqual([]);
    expect(config.databaseUrl).toBe('postgres://pinchwork:secret@postgres:5432/pinchwork');
    expect(one.read_only).toBe(true);
  });

  it('refers only to what it defines', () => {
    const names = Object.keys(compose.services);
    for (const { depends_on = [], volumes = [] } of Object.values(compose.services)) {
      const needed = Array.isArray(depends_on) ? depends_on : Object.keys(depends_on);
      expect(names).toEqual(expect.arrayContaining(needed));
      for (const volume of volumes) {
        const [source] = volume.split(':');
        expect(
          source!.startsWith('./') ? existsSync(path(source!)) : Object.hasOwn(compose.volumes, source!),
          volume,
        ).toBe(true);
      }
    }
  });

  it('makes the nodes trust only its proxy', () => {
    const proxy = fixedAddress(compose.services.proxy!);
    for (const [, { environment }] of nodes) expect(environment!.PINCHWORK_TRUST_PROXY).toBe(proxy);
  });

  it('gives fixed addresses to services that are known by address: nginx resolves the nodes only once, at start', () => {
    const fixed = [compose.services.proxy!, ...nodes.map(([, node]) => node)].map(fixedAddress);
    expect(new Set(fixed).size).toBe(3);
    // Outside the range of addresses that are assigned automatically.
    for (const address of fixed) expect(address).toMatch(/^172\.30\.57\.\d\d?$/);
    expect(compose.networks.market.ipam.config).toEqual([{ subnet: '172.30.57.0/24', ip_range: '172.30.57.128/25' }]);
  });
});

describe('deploy/nginx.conf', () => {
  it('forwards to every node, on its port', () => {
    const servers = [...nginx.matchAll(/^\s*server (\S+) max_fails/gm)].map(([, name]) => name);
    expect(servers).toEqual(nodes.map(([name]) => `${name}:${settings.PORT.default}`));
    const [published] = compose.services.proxy!.ports!;
    expect(published!.split(':')[1]).toBe(directive('listen'));
  });

  it('is a complete nginx configuration, with room for ten thousand streams', () => {
    expect(compose.services.proxy!.volumes).toEqual(['./deploy/nginx.conf:/etc/nginx/nginx.conf:ro']);
    expect(Number(directive('worker_connections'))).toBeGreaterThanOrEqual(2 * 10_000);
    expect(Number(directive('worker_rlimit_nofile'))).toBeGreaterThanOrEqual(Number(directive('worker_connections')));
  });

  it('allows the longest wait and the largest body, and does not buffer', () => {
    expect(Number.parseInt(directive('proxy_read_timeout')!)).toBeGreaterThan(
      Number(settings.MAX_WAIT_SECONDS.default),
    );
    expect(Number.parseInt(directive('client_max_body_size')!) * 2 ** 20).toBeGreaterThanOrEqual(limits.bodyBytes);
    expect(directive('proxy_buffering')).toBe('off');
    expect(directive('proxy_set_header X-Forwarded-For')).toBe('$remote_addr');
    expect(directive('proxy_next_upstream')).not.toContain('non_idempotent');
  });
});
