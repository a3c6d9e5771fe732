#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

// The cache of compiled code is in `node_modules`, where other users can't write. From the second start on, the server
// starts in half the time and uses 20 MiB less, because Node neither strips types nor compiles again.
enableCompileCache(fileURLToPath(new URL('../../../node_modules/.cache/pinchwork', import.meta.url)));

// Loaded code stays in memory, so the young generation of the heap need not grow during the load. Growth is allowed
// again after that. Otherwise an idle server holds 20 MiB that it never uses.
const growYoung = (factor: number) => setFlagsFromString(`--semi-space-growth-factor=${factor}`);
growYoung(1);
const { run } = await import('./commands/run.ts');
process.exitCode = await run(process.argv.slice(2), process.env);
growYoung(2);
