import { documents } from '@pinchwork/sdk/table';
import { type EndpointInput, type Market, type MarketOptions, Refusal } from '@pinchwork/sdk/mcp';
import { type Pinchwork, PinchworkError } from '@pinchwork/sdk';

/**
 * The endpoints of a server by a client.
 *
 * @param key the client's key of an agent; undefined: it has none.
 */
export const marketOf = (client: Pinchwork, key: string | undefined): Market => ({
  call: async ({ method, path, params, auth }, input, options) => {
    const given = input();
    if (auth === 'agent' && key === undefined) throw new Refusal(withoutKey);
    const filled = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(given.params[name] ?? ''));
    if (Object.keys(params).some((name) => /^\.{0,2}$/.test(given.params[name] ?? ''))) throw unknownId();
    try {
      // Every reply with content is an object.
      return (await client.request(method, filled, given, callOptions(given, options))) as object | null;
    } catch (error) {
      if (error instanceof PinchworkError) throw refusalOf(error);
      throw error;
    }
  },
});

const withoutKey = {
  error: 'pinchwork mcp has no key',
  code: 'no_key',
  hint: 'Ask the user to run `pinchwork register`, or to set PINCHWORK_API_KEY for this server in the client.',
};

/** Such an id would lead to another path. */
const unknownId = () =>
  new Refusal({ error: 'This is no id', code: 'not_found', hint: 'pinchwork_my_tasks lists yours.' });

/** How long an answer may take besides a wait. */
const answerMs = 60_000;

function callOptions({ query, body }: EndpointInput, { signal, idempotencyKey }: MarketOptions) {
  const wait = Number(body.wait ?? query.wait ?? 0);
  const timeoutMs = answerMs + (Number.isFinite(wait) ? wait * 1_000 : 0);
  return { signal, idempotencyKey, timeoutMs };
}

/** The parts of an error's reply that a client keeps only there. */
type Parts = Pick<Refusal['reply'], 'reason' | 'problems'>;

function refusalOf({ message, code, hint, requestId, retryAfter, reply }: PinchworkError): Refusal {
  const { reason, problems } = (reply ?? {}) as Parts;
  const parts = {
    ...(hint === undefined ? {} : { hint }),
    ...(reason === undefined ? {} : { reason }),
    ...(problems === undefined ? {} : { problems }),
    ...(requestId === undefined ? {} : { request_id: requestId }),
  };
  return new Refusal({ error: message, code, ...parts }, retryAfter);
}

/** The path of a file of the skill on a server. */
export function skillPath(name: string): string {
  const { skillCore, skillReference } = documents;
  return name === 'SKILL.md' ? skillCore.path : skillReference.path.replace(':file', name.replace('references/', ''));
}
