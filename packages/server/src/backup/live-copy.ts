import { closeSync, fdatasync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Database as Connection } from 'better-sqlite3';
import { checkpointPages, logBytes } from '../storage/sqlite/file.ts';
import { LogFile, LogLost } from '../storage/sqlite/log-file.ts';
import { openReadOnly } from './open.ts';
