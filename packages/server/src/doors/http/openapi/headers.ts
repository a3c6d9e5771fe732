import { type HeaderText, replyHeaders } from '@pinchwork/sdk/table';
import type { Json } from './components.ts';

const component = ({ description, example }: HeaderText): Json => ({
  description,
  schema: { type: typeof example === 'number' ? 'integer' : 'string' },
  example,
});

/** The headers of replies, each described once. */
export const headerComponents = (): Json =>
  Object.fromEntries(Object.entries(replyHeaders).map(([name, text]) => [name, component(text)]));

export const headerRefs = (names: readonly string[]): Json =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
