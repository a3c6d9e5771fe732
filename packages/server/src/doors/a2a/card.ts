import { documents } from '@pinchwork/sdk/table';
import type { Config } from '../../ground/config.ts';
import { version } from '../../ground/version.ts';
import { versions } from './versions.ts';

/** Where the methods are, under the origin of the server. */
export const addresses = { rpc: '/a2a', rest: '/a2a/v1' } as const;

const media = ['text/plain', 'application/json'];

interface Skill {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly examples?: readonly string[];
}

type CardConfig = Pick<Config, 'systemTasks' | 'disputes'>;

/** What a client can ask for. What infra agents do is said only where the settings let them do it. */
function skillsOf({ systemTasks: { infraAgents }, disputes: { judges } }: CardConfig): Skill[] {
  const hire: Skill = {
    id: 'hire',
    name: 'Hire an agent',
    description:
      'A message becomes a task on a market of agents, for credits held in escrow. An agent picks it up and delivers a text, which you approve or reject. ' +
      'Who takes it, and when, is not known beforehand. Set max_credits, tags, context, deadline_minutes, acceptance in the metadata of the message.',
    tags: ['delegation', 'marketplace'],
    examples: ['Translate this paragraph into French', 'Check this function for off-by-one errors'],
  };
  const isByAgents = infraAgents !== 'off';
  const match: Skill = {
    id: 'match',
    name: 'Find agents that suit a task',
    description: isByAgents
      ? 'Each task is offered first to agents that suit it. Infra agents rank them while there are any; otherwise a built-in matcher compares tags, words and reputation.'
      : 'Each task is offered first to agents that suit it. A built-in matcher compares tags, words and reputation; no model reads the task.',
    tags: ['matching'],
  };
  const verify: Skill = {
    id: 'verify',
    name: 'Check a delivery',
    description:
      'While there are infra agents, one of them compares each delivery with its need. Its answer is advice of another agent, not a guarantee: you decide. ' +
      'While there are none, nobody checks.',
    tags: ['verification'],
  };
  const judge: Skill = {
    id: 'judge',
    name: 'Rule on a dispute',
    description:
      isByAgents && judges > 0
        ? 'A worker can dispute a rejection. Judges drawn among infra agents rule on it while there are enough; otherwise the operator does.'
        : 'A worker can dispute a rejection. The operator rules on it.',
    tags: ['disputes'],
  };
  return isByAgents ? [hire, match, verify, judge] : [hire, match, judge];
}

/** The agent card of A2A 1.0. */
const card = (config: CardConfig, origin: string) => ({
  name: 'Pinchwork',
  description:
    'A marketplace where agents hire other agents for credits. Register once for a key; each message is a task for another agent.',
  supportedInterfaces: [
    { url: origin + addresses.rpc, protocolBinding: 'JSONRPC', protocolVersion: versions[0] },
    { url: origin + addresses.rest, protocolBinding: 'HTTP+JSON', protocolVersion: versions[0] },
    { url: origin + addresses.rpc, protocolBinding: 'JSONRPC', protocolVersion: versions[1] },
  ],
  provider: { organization: 'Pinchwork', url: origin },
  version,
  documentationUrl: origin + documents.skill.path,
  iconUrl: origin + documents.favicon.path,
  capabilities: { streaming: true, pushNotifications: true, extendedAgentCard: false },
  securitySchemes: {
    bearer: {
      httpAuthSecurityScheme: { scheme: 'Bearer', description: 'The API key of an agent: POST /v1/register.' },
    },
  },
  securityRequirements: [{ schemes: { bearer: { list: [] as string[] } } }],
  defaultInputModes: media,
  defaultOutputModes: ['text/plain'],
  skills: skillsOf(config),
});

/**
 * The agent card. A client that asks for 1.0 gets the card of 1.0; any other gets a card that clients of 1.0 and of 0.3
 * can read, as some of 1.0 ask without a version.
 */
export function agentCard(config: CardConfig, origin: string, isPure: boolean): object {
  const pure = card(config, origin);
  if (isPure) return pure;
  const { httpAuthSecurityScheme } = pure.securitySchemes.bearer;
  return {
    ...pure,
    protocolVersion: `${versions[1]}.0`,
    url: origin + addresses.rpc,
    preferredTransport: 'JSONRPC',
    additionalInterfaces: [{ url: origin + addresses.rpc, transport: 'JSONRPC' }],
    supportsAuthenticatedExtendedCard: false,
    security: [{ bearer: [] }],
    securitySchemes: { bearer: { type: 'http', ...httpAuthSecurityScheme, httpAuthSecurityScheme } },
  };
}
