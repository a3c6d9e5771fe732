const words = (text: string) => text.split(' ');

/** Texts that YAML, or a reader of lines, could take for something else. All at most 200 characters long. */
export const hostileTexts = [
  ...words(
    `plain : a: :a # - -- ? , | > |- " "" ' '' "a" 'a' it's \\ \\n \\u0041 a\\ { } {} {a:b} [ ] [] [a] {"a":1} [1,2]`,
  ),
  ...words(
    '&a *a !a !!str %YAML @a `a` << = __proto__ constructor result --- ... / </script> <!-- $& %s \\0 "\\ud800"',
  ),
  ...words(
    'null Null NULL ~ y N yes Yes no on OFF true True FALSE nan inf 1 -1 +1 01 1.0 1e3 1E-3 .5 0x1F 0o17 0b1 e3 E12',
  ),
  ...words(
    '.inf -.INF .nan -0 1_000 12:30 12:30:45 2025-01-01 2025-01-15T10:30:00+00:00 1.2.3 1e 0x - ☺ é e\u0301 日本語',
  ),
  ...words(
    '😀 👩‍👩‍👧 𝒜 \u{10ffff} \u{1f1e6} \ud7ff\ue000 \u200b \u202e \u00a0 \ufffd \ufffe \uffff \ufdd0 \ufeff \ufeffa a\ufeff',
  ),
  ...words(
    '\u2028 a\u2028b \u2029 \u0085 a\u0085b \u0080 \u009f \u007f \u001b[31m \u0001\u001f \b\f\v \r a\rb \t a\tb \ta a\t',
  ),
  ...' |  | leading|trailing | \n |a: b|a #b|# a|- a|? a|--- |--- >\n  a|%YAML 1.1|a: >\n  b|2025-01-15 10:30:00Z'.split(
    '|',
  ),
  ...'\n|\n\n|\na|a\n|a\n\n|a\nb|a\n\n b|a\r\nb|a \nb|---\n|\n---\n|a\n---\nb|\n...\n|---\na: b\n---\nc'.split('|'),
  'x'.repeat(200),
];
