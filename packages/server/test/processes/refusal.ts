import { expect } from 'vitest';
import { type Env, ServerProcess } from '../support/process.ts';

/** Starts a server that must fail to start. @returns the sentence that it prints. */
export async function refusal(env: Env): Promise<string> {
  const server = new ServerProcess(env);
  expect({ ...(await server.ended), stdout: server.stdout }).toEqual({ code: 1, signal: null, stdout: '' });
  // One sentence for people, not a stack.
  expect(server.stderr).not.toMatch(/\n\s+at /);
  return server.stderr;
}
