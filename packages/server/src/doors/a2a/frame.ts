import { rpcCodes, type RpcError } from './refusals.ts';
import { versions } from './versions.ts';

/** The id of a request in JSON-RPC. */
export type RpcId = string | number | null;

/** A request of JSON-RPC. Its parameters are read by the method. */
export interface Frame {
  readonly jsonrpc: '2.0';
  readonly id: RpcId;
  readonly method: string;
  readonly params?: unknown;
}

/** Reads the frame of a request, or answers with what is wrong with it. */
export function frameIn(text: string): { readonly frame: Frame } | { readonly body: object } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { body: rpcError(null, { code: rpcCodes.parse, message: 'The body is not valid JSON' }) };
  }
  const fields: Readonly<Record<string, unknown>> = isMapping(value) ? value : {};
  const { jsonrpc, method, params } = fields;
  const id = isId(fields.id) ? fields.id : null;
  const isFrame =
    jsonrpc === '2.0' && typeof method === 'string' && method !== '' && (fields.id === undefined || isId(fields.id));
  if (!isFrame)
    return { body: rpcError(id, { code: rpcCodes.invalidRequest, message: 'This is no request of JSON-RPC 2.0' }) };
  return { frame: { jsonrpc, id, method, params } };
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isId = (id: unknown): id is RpcId => id === null || typeof id === 'string' || Number.isInteger(id);

/** An answer that says that a request has failed. */
export const rpcError = (id: RpcId, error: RpcError) => ({ jsonrpc: '2.0', id, error });

/** The error for another version of A2A. */
export const versionNotSpoken = (given: string): RpcError => ({
  code: rpcCodes.versionNotSupported,
  message: `A2A ${given.slice(0, 20)} is not spoken here; send A2A-Version: ${versions.join(' or ')}`,
  data: [
    {
      '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
      reason: 'VERSION_NOT_SUPPORTED',
      domain: 'a2a-protocol.org',
    },
  ],
});
