import { type AnyEndpoint, endpointRows, type ErrorCode, fieldHeaders, replyHeaders } from '@pinchwork/sdk/table';
import type { InjectOptions } from 'fastify';
import { statusOf } from '../../src/doors/http/errors.ts';
import type { Reply } from './market.ts';

const patterns = endpointRows.map((row) => ({
  row,
  pattern: new RegExp(`^${row.path.replaceAll('.', '\\.').replace(/:\w+/g, '[^/]+')}$`),
}));

/**
 * The row of the endpoint that a request is for; undefined for documents, unknown paths and wrong methods. A literal
 * path takes precedence over one with a parameter, whatever the method, as in the router.
 */
function rowOf(method: string, url: string): AnyEndpoint | undefined {
  const path = url.split('?', 1)[0]!;
  const there = patterns.filter(({ pattern }) => pattern.test(path)).map(({ row }) => row);
  const written = there.filter((row) => row.path === path);
  const wanted = method === 'HEAD' ? 'GET' : method;
  return (written.length > 0 ? written : there).find((row) => row.method === wanted);
}

/** The documented headers, in lower case. */
const known = new Set(Object.keys(replyHeaders).map((name) => name.toLowerCase()));
const ofFields = Object.keys(fieldHeaders).map((name) => name.toLowerCase());

/** Headers that say nothing about this API: those of HTTP itself, of security and of caching. */
const common =
  /^(content-|cache-control$|vary$|date$|connection$|keep-alive$|transfer-encoding$|x-(accel-buffering$|content-type|dns|download|frame|permitted|robots-tag$|xss)|cross-origin|origin-agent|referrer|strict-transport|access-control)/;

/**
 * The codes, statuses and headers of a reply that the row of its endpoint does not list. Every reply in every test is
 * checked, so that the rows and the documents generated from them are complete.
 */
export function undocumented({ method = 'GET', url }: InjectOptions, reply: Reply): string[] {
  const unknown = Object.keys(reply.headers).filter((name) => !known.has(name) && !common.test(name));
  const faults = unknown.map((name) => `the header ${name}`);
  const row = rowOf(method, url as string);
  if (row === undefined) return faults;
  return [...faults, ...(reply.status >= 400 ? ofError(row, reply) : ofSuccess(row, reply))];
}

function ofError(row: AnyEndpoint, { status, body, headers }: Reply): string[] {
  const code = body.code as ErrorCode | undefined;
  const isListed =
    code === undefined
      ? row.errors.some((each) => statusOf[each] === status)
      : row.errors.includes(code) && statusOf[code] === status;
  const extra = ofFields.filter((name) => name in headers).map((name) => `the header ${name} on an error`);
  return isListed ? extra : [...extra, `${status} ${code ?? ''}`];
}

function ofSuccess(row: AnyEndpoint, { status, headers }: Reply): string[] {
  const faults: string[] = [];
  const same = [row, ...row.others].filter((success) => success.status === status);
  if (same.length === 0) faults.push(`${status}`);
  const listed = same.flatMap((success) => Object.keys(success.headers).map((name) => name.toLowerCase()));
  for (const name of ofFields) if (name in headers && !listed.includes(name)) faults.push(`the header ${name}`);
  if ('idempotency-replayed' in headers && row.idempotency === 'none') faults.push('the header idempotency-replayed');
  return faults;
}
