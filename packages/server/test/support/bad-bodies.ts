/** A body that no endpoint takes. */
type BadBody = readonly [title: string, payload: string | Buffer];

const bytes = (...values: number[]) => Buffer.from(values);

export const badJson: readonly BadBody[] = [
  ['a list', '[]'],
  ['a list of objects', '[{"need": "x"}]'],
  ['a text', '"x"'],
  ['a number', '5'],
  ['null', 'null'],
  ['Markdown', '---\nneed: x\n---\n'],
  ['words', 'do it'],
  ['a lone comma', ','],
  ['the beginning of a list', '['],
];

/** Starts with `{`, so that it is JSON under every type but text/markdown and, where it can't be read, text/plain. */
export const badObjects: readonly BadBody[] = [
  ['a lone brace', '{'],
  ['an object cut short', '{"need": "x"'],
  ['a comma too many', '{"need": "x",}'],
  ['single quotes', `{'need': 'x'}`],
  ['names without quotes', '{need: "x"}'],
  ['two objects', '{"need": "x"} {"need": "y"}'],
  ['NaN', '{"need": "x", "max_credits": NaN}'],
  ['a line break in a text', '{"need": "a\nb"}'],
  ['a comment', '{"need": "x" /* it */}'],
  ['a character cut in half by the message', '{"need": 😀}'],
];

export const badBytes: readonly BadBody[] = [
  ['a byte that UTF-8 does not know', bytes(0x61, 0xff)],
  ['a character cut short', bytes(0x61, 0xe2, 0x82)],
  ['an overlong NUL', bytes(0x61, 0xc0, 0x80)],
  ['a surrogate in UTF-8', bytes(0x61, 0xed, 0xa0, 0x80)],
  ['a code point beyond the last', bytes(0x61, 0xf4, 0x90, 0x80, 0x80)],
  ['UTF-16', Buffer.from('\ufeff{"need": "x"}', 'utf16le')],
  ['gzip', bytes(0x1f, 0x8b, 0x08, 0x00)],
  ['bad UTF-8 in a JSON text', Buffer.concat([Buffer.from('{"need": "'), bytes(0xff), Buffer.from('"}')])],
  ['a NUL character', 'a\0b'],
  ['a NUL character in a JSON text', '{"need": "a\0b"}'],
  ['a NUL character in front matter', '---\nneed: "a\0b"\n---\n'],
];

const laughs = 'abcdefghi'.split('').map((name, i, names) => {
  const earlier = Array<string>(9)
    .fill(`*${names[i - 1]}`)
    .join(', ');
  return `${name}: &${name} [${i === 0 ? 'ha' : earlier}]`;
});

export const badFrontMatter: readonly BadBody[] = [
  ['a list', '- need'],
  ['a text', 'need'],
  ['a number', '5'],
  ['an alias', 'context: &a x\nneed: *a'],
  ['an alias in an unknown field', 'x: {a: &a 1, b: *a}'],
  ['an alias of nothing', 'need: *a'],
  ['a billion laughs', laughs.join('\n')],
  ['a merge key with an alias', 'a: &a {need: x}\n<<: *a'],
  ['a tag that would run code', 'need: !!js/function "function () {}"'],
  ['a tag that would make an object', 'need: !!python/object/apply:os.system [ls]'],
  ['a tag of somebody else', 'need: !foo x'],
  ['a binary tag', 'need: !!binary aGk='],
  ['a tag of the core schema', 'need: !!str 123'],
  ['a tag on a list', 'tags: !!seq [a]'],
  ['a tag on the whole', '!!map {need: x}'],
  ['a tag in an unknown field', 'x: {y: !!set {a}}'],
  ['a key twice', 'need: x\nneed: y'],
  ['an unknown key twice', 'x: 1\nx: 2'],
  ['__proto__', '__proto__: {need: x}'],
  ['__proto__ in quotes', '"__proto__": 1'],
  ['a quote that does not end', 'need: "x'],
  ['a list that does not end', 'tags: [a'],
  ['a mapping that does not end', '{need: x'],
  ['a mapping in a line', 'need: x: y'],
  ['a tab as indentation', 'x:\n\ty: 1'],
  ['a reserved character', 'need: @x'],
  ['an escape that is none', 'need: "\\q"'],
  ['two documents', 'need: x\n...\nneed: y'],
  ['100,000 lists in each other', `x: ${'['.repeat(100_000)}`],
  ['2,400 lists in each other', `x: ${'['.repeat(2_400)}${']'.repeat(2_400)}`],
  ['2,400 lists in each other, in block style', `${'- '.repeat(2_400)}x`],
  ['1,300 mappings in each other', Array.from({ length: 1_300 }, (_, i) => `${' '.repeat(i)}x:`).join('\n')],
  ['a megabyte of keys', Array.from({ length: 100_000 }, (_, i) => `k${i}: 1`).join('\n')],
  ['more than a megabyte', `x: ${'x'.repeat(1024 * 1024)}`],
];
