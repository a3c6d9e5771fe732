import type { Io, OutputStream } from '../io.ts';

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 } as const;
export type Colour = keyof typeof codes;

/** Puts a colour around a text, or leaves it as it is. */
export type Style = (colour: Colour | undefined, text: string) => string;

export const plain: Style = (_, text) => text;
const coloured: Style = (colour, text) =>
  colour === undefined || text === '' ? text : `\u001b[${codes[colour]}m${text}\u001b[0m`;

/** Colours on a terminal, unless `NO_COLOR` is set; `FORCE_COLOR` has them anywhere. */
export function styleOf(stream: Pick<OutputStream, 'isTerminal'>, env: Io['env']): Style {
  if (env.NO_COLOR) return plain;
  if (env.FORCE_COLOR && env.FORCE_COLOR !== '0') return coloured;
  return stream.isTerminal && env.TERM !== 'dumb' ? coloured : plain;
}
