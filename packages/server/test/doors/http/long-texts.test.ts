import { describe, expect, it } from 'vitest';
import { renderInPieces } from '../../../src/doors/http/long-texts.ts';
import { quote, toMarkdown } from '../../../src/doors/http/render.ts';

const json = { render: JSON.stringify, quote: JSON.stringify };
const markdown = { render: (body: object) => toMarkdown({ ...body }, () => 'A line.'), quote };

const long = 20_000;
const bodies: readonly (readonly [string, object])[] = [
  ['a long text', { id: 1, need: 'x'.repeat(long), last: null }],
  ['control characters', { need: '\u0001'.repeat(long), context: '\u0085\u2028'.repeat(long) }],
  ['characters of two units', { need: 'a' + '😀'.repeat(long), context: '😀'.repeat(long) }],
  ['halves of characters', { need: '\ud83d'.repeat(long), context: '\ude00'.repeat(long) }],
  ['quotes, backslashes and dollars', { need: `"$&\\'$1@-0@`.repeat(long) }],
  ['rows', { tasks: [{ need: 'x'.repeat(long), tags: ['a', 'y'.repeat(long)] }, { need: 'short' }], total: 2 }],
  ['nested objects', { task: { rows: [[], {}], about: { text: 'x'.repeat(long) } } }],
  ['short texts', { need: 'x', tags: [] }],
  ['a result', { need: 'x'.repeat(long), result: '---\n"x\n'.repeat(long) }],
];

describe.each([
  ['JSON', json],
  ['Markdown', markdown],
])('a reply in pieces as %s', (_, format) => {
  it.each(bodies)('is the same as in one piece: %s', (_, body) => {
    const pieces = [...renderInPieces(body, format)];
    const whole = format.render(body);
    // Without `toBe`, which would print both.
    expect(pieces.join('') === whole).toBe(true);
    expect(Buffer.concat(pieces.map((piece) => Buffer.from(piece))).equals(Buffer.from(whole))).toBe(true);
    for (const { length } of pieces) expect(length).toBeLessThan(7 * 8_192);
  });
});
