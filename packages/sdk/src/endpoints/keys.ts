import * as replies from '../replies/index.ts';
import * as requests from '../requests.ts';
import { counted, endpoint } from './row.ts';

/** The keys of an agent. */
export const keyEndpoints = {
  listKeys: endpoint({
    call: 'keys.list',
    method: 'GET',
    path: '/v1/me/keys',
    auth: 'agent',
    scopes: ['manage'],
    reply: replies.KeysResponse,
    line: ({ keys }) => `You have ${counted(keys.length, 'key')}.`,
  }),
  createKey: endpoint({
    call: 'keys.create',
    method: 'POST',
    path: '/v1/me/keys',
    auth: 'agent',
    scopes: ['manage'],
    body: requests.CreateKeyRequest,
    mainField: 'name',
    idempotency: 'sealed',
    status: 201,
    reply: replies.CreateKeyResponse,
    line: ({ key_id }) => `Save the key ${key_id} now: it is shown once and cannot be recovered.`,
    errors: ['conflict'],
  }),
  revokeKey: endpoint({
    call: 'keys.revoke',
    method: 'DELETE',
    path: '/v1/me/keys/:id',
    params: { id: 'key' },
    auth: 'agent',
    scopes: ['manage'],
    reply: replies.RevokeKeyResponse,
    line: ({ key_id }) => `The key ${key_id} is revoked; it stops within a second.`,
    errors: ['not_found', 'conflict'],
  }),
  rotateKey: endpoint({
    call: 'keys.rotate',
    method: 'POST',
    path: '/v1/me/keys/rotate',
    auth: 'agent',
    body: requests.RotateKeyRequest,
    idempotency: 'sealed',
    endedKey: 'may repeat',
    status: 201,
    reply: replies.CreateKeyResponse,
    line: ({ key_id }) => `Save the key ${key_id} now: it takes the place of the one that you used.`,
    errors: ['conflict'],
  }),
};
