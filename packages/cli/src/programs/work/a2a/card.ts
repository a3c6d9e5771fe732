import { Failure } from '../../../failure.ts';
import { exitCodes } from '../../../exit-codes.ts';
import { fieldsOf, listOf, textOf } from './json.ts';

/** Where an A2A agent takes messages, and how. */
export interface AgentInterface {
  /** The name of the agent, a stranger's text. */
  readonly name: string;
  readonly url: string;
  readonly binding: 'JSONRPC' | 'HTTP+JSON';
  readonly version: '1.0' | '0.3';
  /** The header in which the agent wants its key; undefined: `Authorization`. */
  readonly keyHeader: string | undefined;
}

type Candidate = Pick<AgentInterface, 'url'> & { readonly binding: string; readonly version: string };

/**
 * Chooses the interface of a card that this program speaks, in the order of the card: JSON-RPC or REST, of 1.0 or 0.3.
 *
 * @throws Failure if the card has none
 */
export function interfaceOf(card: unknown): AgentInterface {
  const fields = fieldsOf(card);
  const main = textOf(fields.url);
  const old = textOf(fields.protocolVersion);
  const candidates: Candidate[] = [
    ...listOf(fields.supportedInterfaces)
      .map(fieldsOf)
      .map((each) => ({
        url: textOf(each.url),
        binding: textOf(each.protocolBinding),
        version: textOf(each.protocolVersion),
      })),
    { url: main, binding: textOf(fields.preferredTransport) || 'JSONRPC', version: old || '0.3' },
    ...listOf(fields.additionalInterfaces)
      .map(fieldsOf)
      .map((each) => ({
        url: textOf(each.url),
        binding: textOf(each.transport),
        version: old || '0.3',
      })),
  ];
  for (const { url, binding, version } of candidates) {
    const spoken = (['1.0', '0.3'] as const).find((each) => version === each || version.startsWith(`${each}.`));
    if ((binding === 'JSONRPC' || binding === 'HTTP+JSON') && spoken !== undefined && isWebAddress(url)) {
      return { name: textOf(fields.name), url, binding, version: spoken, keyHeader: keyHeaderOf(fields) };
    }
  }
  throw new Failure('The card of the A2A agent names no interface that pinchwork speaks', {
    code: 'a2a_card',
    exitCode: exitCodes.failed,
    hint: 'It needs JSON-RPC or REST (HTTP+JSON) of A2A 1.0 or 0.3.',
  });
}

const isWebAddress = (url: string) => URL.canParse(url) && ['http:', 'https:'].includes(new URL(url).protocol);

/** The header of an API key, where that is the only way in that the card declares. */
function keyHeaderOf(fields: Readonly<Record<string, unknown>>): string | undefined {
  const schemes = Object.values(fieldsOf(fields.securitySchemes)).map(fieldsOf);
  const [only] = schemes;
  if (only === undefined || schemes.length > 1) return undefined;
  const key = { ...only, ...fieldsOf(only.apiKeySecurityScheme) };
  const isHeader = textOf(key.location) === 'header' || textOf(key.in) === 'header';
  const name = textOf(key.name);
  return isHeader && /^[\w-]{1,100}$/.test(name) ? name : undefined;
}

/** The addresses at which the card of an agent may be. */
export function cardAddresses(given: string): string[] {
  const url = new URL(given);
  if (url.pathname.endsWith('.json')) return [url.href];
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  const bases = base === url.origin ? [base] : [base, url.origin];
  return bases.flatMap((each) => [`${each}/.well-known/agent-card.json`, `${each}/.well-known/agent.json`]);
}
