import { createHmac, randomBytes } from 'node:crypto';
import type { CallToolResult, GetPromptResult, ServerContext } from '@modelcontextprotocol/server';

/** The kit's tools that ask their client in the new era: the client answers by calling again. */

const text = (said: string): CallToolResult => ({ content: [{ type: 'text', text: said }] });

/** A wish for an answer, of each kind. */
export const elicitation = (message: string, name: string, type = 'string') => ({
  method: 'elicitation/create',
  params: { message, requestedSchema: { type: 'object', properties: { [name]: { type } }, required: [name] } },
});
const sampling = (said: string) => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: said } }], maxTokens: 100 },
});
const roots = { method: 'roots/list', params: {} };

type Wishes = Readonly<Record<string, object>>;

/** What the client has answered. The library reads it out of the parameters. */
export const answersIn = ({ mcpReq }: ServerContext) =>
  (mcpReq.inputResponses ?? {}) as Readonly<Record<string, unknown>>;

/** A result that asks. The types know of none; the protocol does. */
export const asking = <T>(inputRequests: Wishes, requestState?: string): T =>
  ({ resultType: 'input_required', inputRequests, ...(requestState === undefined ? {} : { requestState }) }) as T;

const secret = randomBytes(32);

/** A state that only this process can have made. */
const signed = (round: string) => `${round}.${createHmac('sha256', secret).update(round).digest('hex')}`;

/** The round that a client's state names. Undefined: the first. @throws Error of the protocol for another's state. */
function roundIn({ mcpReq }: ServerContext): string | undefined {
  const state = mcpReq.requestState<string | undefined>();
  if (state === undefined) return undefined;
  const [round = ''] = state.split('.');
  if (state === signed(round)) return round;
  throw Object.assign(new Error('The state is not of this server'), { code: -32_602 });
}

type Run = (given: Readonly<Record<string, unknown>>, ctx: ServerContext) => CallToolResult;

/** A tool that asks until all its wishes have an answer. */
const asks =
  (wishes: Wishes, state?: string): Run =>
  (_, ctx) => {
    roundIn(ctx);
    const answers = answersIn(ctx);
    const isAnswered = Object.keys(wishes).every((name) => typeof answers[name] === 'object' && answers[name] !== null);
    if (isAnswered) return text(`${state ?? ''}-ok: ${JSON.stringify(answers)}`);
    return asking(wishes, state === undefined ? undefined : signed(state));
  };

const name = elicitation('What is your name?', 'name');

/** What the client has said that it can be asked for. */
function wishesFor({ mcpReq }: ServerContext): Wishes {
  const envelope = (mcpReq.envelope ?? {}) as Readonly<Record<string, object | undefined>>;
  const declared = envelope['io.modelcontextprotocol/clientCapabilities'] ?? {};
  const all = { elicitation: name, sampling: sampling('Say hello'), roots };
  return Object.fromEntries(Object.entries(all).filter(([capability]) => Object.hasOwn(declared, capability)));
}

const prefix = 'test_input_required_result';

export const questionRuns: Readonly<Record<string, Run>> = {
  [`${prefix}_elicitation`]: asks({ user_name: name }),
  [`${prefix}_sampling`]: asks({ capital_question: sampling('What is the capital of France?') }),
  [`${prefix}_list_roots`]: asks({ client_roots: roots }),
  [`${prefix}_request_state`]: asks({ confirm: elicitation('Please confirm', 'ok', 'boolean') }, 'state'),
  [`${prefix}_tampered_state`]: asks({ confirm: elicitation('Please confirm', 'ok', 'boolean') }, 'state'),
  [`${prefix}_multiple_inputs`]: asks(
    { user_name: name, greeting: sampling('Generate a greeting'), client_roots: roots },
    'several',
  ),
  [`${prefix}_capabilities`]: (_, ctx) => asking(wishesFor(ctx)),
  [`${prefix}_multi_round`]: (_, ctx) => {
    const round = roundIn(ctx);
    if (round === 'second') return text('Done');
    return round === 'first'
      ? asking({ step2: elicitation('Step 2: What is your favorite color?', 'color') }, signed('second'))
      : asking({ step1: elicitation('Step 1: What is your name?', 'name') }, signed('first'));
  },
};

/** A prompt that asks, too. */
export function askingPrompt(ctx: ServerContext): GetPromptResult {
  const { user_context } = answersIn(ctx);
  if (user_context === undefined) {
    return asking({ user_context: elicitation('What context should the prompt use?', 'context') });
  }
  return { messages: [{ role: 'user', content: { type: 'text', text: JSON.stringify(user_context) } }] };
}
