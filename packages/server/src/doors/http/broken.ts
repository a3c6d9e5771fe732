import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ErrorCode } from '@pinchwork/sdk/table';
import { DomainError } from '../../ground/errors.ts';
import type { Context } from '../../verbs/context.ts';
import { refusalOf } from '../admission.ts';
import { trusts } from './client-address.ts';
import { toReply } from '../errors.ts';
import { statusOf } from './errors.ts';
import { securityHeaders } from './security.ts';

const known: Record<string, [ErrorCode, string]> = {
  HPE_HEADER_OVERFLOW: ['headers_too_large', 'The request headers are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request took too long to arrive'],
};

/**
 * Answers input that is not a valid request: broken HTTP, too large headers, a too slow sender. It is counted against
 * its address and logged like any other request, and its connection is closed. Always JSON.
 */
export function refuseBroken(ctx: Context): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  const refuse = refuser(ctx);
  return (error, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const [code, message] = known[error.code ?? ''] ?? ['invalid_request', 'The request is not valid HTTP'];
    refuse(socket, new DomainError(code, message));
  };
}

/** Makes the function that writes an error to a bare connection and closes it. */
export function refuser(ctx: Context): (socket: Duplex, error: DomainError) => void {
  const isProxy = trusts(ctx.config.trustProxy);
  const headers = Object.entries(securityHeaders(ctx.config)).map(([name, value]) => `${name}: ${value}\r\n`);
  return (socket, error) => {
    const address = socket instanceof Socket ? socket.remoteAddress : undefined;
    // Behind a proxy the address of the client is not known, because there is no request.
    const usage = address === undefined || isProxy(address) ? undefined : ctx.limits.takeForAddress(address);
    const told = refusalOf(usage, ctx.clock.now()) ?? error;
    const status = statusOf[told.code];
    const requestId = randomUUID();
    const body = JSON.stringify(toReply(told, requestId));
    const retry = told.retryAfterSeconds === undefined ? '' : `retry-after: ${told.retryAfterSeconds}\r\n`;
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-type: application/json\r\n` +
        `x-request-id: ${requestId}\r\n${retry}${headers.join('')}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      () => socket.destroy(),
    );
    ctx.log.info({ requestId, method: 'unknown', route: 'unknown', status, address, code: told.code }, 'request');
  };
}
