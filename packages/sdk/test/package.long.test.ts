import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { rolldown } from 'rolldown';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { launchBrowser } from '../../server/test/support/browser.ts';
import { sdkPackage } from '../../server/test/support/shared.ts';
import { everything, useEverything } from './support/everything.js';
import { otherPrograms } from './support/from-npm.ts';
import * as sdk from '../src/index.ts';
import { liveMarket } from './support/market.ts';
import { Project } from './support/project.ts';

const run = promisify(execFile);
const { fromNpm, nodeOf } = otherPrograms();
const live = liveMarket({ PINCHWORK_CORS_ORIGINS: '*' });
const program = readFileSync(new URL('support/everything.js', import.meta.url), 'utf8');

let project: Project;
beforeAll(async () => {
  project = await Project.make();
  project.write('everything.js', program);
  project.write(
    'main.js',
    `import * as sdk from '@pinchwork/sdk';
     import { useEverything } from './everything.js';
     const said = await useEverything(sdk, '${live.url}');
     console.log(JSON.stringify(said));`,
  );
});
afterAll(() => project.remove());

/** Runs the program of the project. @returns what it says */
async function ran(command: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(command, [...args, 'main.js'], { cwd: project.folder, timeout: 150_000 });
  return JSON.parse(stdout);
}

describe('the published package', () => {
  it('has no fault that publint or attw knows', async () => {
    const tarball = readFileSync(await sdkPackage());
    const { messages } = await publint({
      pack: { tarball: tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.length) },
    });
    expect(messages).toEqual([]);
    const analysis = await checkPackage(createPackageFromTarballData(tarball));
    // A package of ES modules alone: `require` and resolution without `exports` are not its promise.
    const promised = ['node16-esm', 'bundler'];
    const problems = 'problems' in analysis ? analysis.problems : expect.unreachable('it has no types');
    expect(problems.filter((each) => !('resolutionKind' in each) || promised.includes(each.resolutionKind))).toEqual(
      [],
    );
  });

  it('is one that a strict TypeScript program compiles against, with the types of the table', async () => {
    const text = `
      import { Pinchwork, PinchworkError, type Input, type PinchworkEvent, verifyWebhook, type WorkTask } from '@pinchwork/sdk';
      import { CreateTaskRequest } from '@pinchwork/sdk/table';
      const client = new Pinchwork({ server: 'https://market.example' });
      const input: Input<'tasks.create'> = { need: CreateTaskRequest.parse({ need: 'X' }).need, tags: ['a'] as const };
      const { result } = await client.tasks.run(input);
      const words: string = result;
      for await (const event of client.events()) if (event.type === 'task_rejected') { const reason: string = event.reason; void reason; }
      for await (const { task_id } of client.tasks.available({ limit: 3 })) { const id: string = task_id; void id; }
      const claim = await client.tasks.pickupNext();
      // @ts-expect-error there may be nothing
      claim.task_id;
      // @ts-expect-error an id is needed
      await client.tasks.get();
      // @ts-expect-error no such field
      await client.tasks.create({ need: words, price: 3 });
      // @ts-expect-error a field is missing
      await client.tasks.reject('tk-1', {});
      void (claim satisfies WorkTask | unknown); void verifyWebhook; void (PinchworkError satisfies unknown); void (0 as unknown as PinchworkEvent);
      export {};`;
    const file = project.write('program.ts', text);
    const compiled = ts.createProgram([file], {
      ...{
        strict: true,
        noEmit: true,
        target: ts.ScriptTarget.ES2022,
        lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.asynciterable.d.ts'],
        types: [],
      },
      ...{ module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
    });
    expect(ts.getPreEmitDiagnostics(compiled).map(({ messageText, start }) => [start, messageText])).toEqual([]);
  });

  it('loads no schemas in a client, which is under 40 kB when it is bundled', async () => {
    const bundle = await rolldown({ input: join(project.folder, 'node_modules/@pinchwork/sdk/index.js') });
    const { output } = await bundle.generate({ minify: true });
    const [{ code, moduleIds, imports, exports }] = output;
    expect(moduleIds.filter((id) => id.includes('zod'))).toEqual([]);
    // Nothing of Node, and nothing that a server alone needs.
    expect([imports, exports.sort()]).toEqual([[], ['Pinchwork', 'PinchworkError', 'verifyWebhook']]);
    console.log(`The client is ${code.length} bytes, minified, with nothing to install besides.`);
    expect(code.length).toBeLessThan(40_000);
  });
});

describe('an installed client works', () => {
  it('from its sources', async () => expect(await useEverything(sdk, live.url)).toEqual(everything));

  it('on the Node of this checkout', async () => expect(await ran(process.execPath, [])).toEqual(everything));

  it.for([
    ['node', '20', []],
    ['node', '26', []],
    ['bun', 'latest', ['run']],
    ['deno', 'latest', ['run', '--allow-net', '--allow-env']],
  ] as const)('on %s %s', async ([name, version, args], { skip }) => {
    const path = name === 'node' ? await nodeOf(version) : await fromNpm(name, version);
    if (typeof path !== 'string') return skip(path.missing);
    expect(await ran(path, args)).toEqual(everything);
  });

  it('in a browser, on a page of another origin', async () => {
    const files = join(project.folder, 'node_modules/@pinchwork/sdk');
    const page = createServer((request, response) => {
      const path = request.url!;
      if (path === '/') return void response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>');
      const text = path === '/everything.js' ? program : readFileSync(join(files, path), 'utf8');
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(text);
    });
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void page.close());
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const tab = await browser.newPage();
    await tab.goto(`http://127.0.0.1:${(page.address() as AddressInfo).port}/`);
    // As text: the imports are the browser's own.
    const said: unknown = await tab.evaluate(
      `Promise.all([import('/everything.js'), import('/index.js')])
         .then(([{ useEverything }, sdk]) => useEverything(sdk, '${live.url}'))`,
    );
    expect(said).toEqual(everything);
  });
});
