import type { Field } from './fields.ts';
import { list } from './list.ts';

const others = list('[] ["a"] {} {"a":1} [[]]');
const elevenTags = Array.from({ length: 11 }, (_, i) => `t${i}`);

/** Values that a field of this kind does not take, as JSON writes them. */
export function badValues(field: Field): string[] {
  switch (field.kind) {
    case 'text': {
      const tooLong = [field.make(field.max + 1), 'é'.repeat(field.max + 1)].map((each) => JSON.stringify(each));
      const tooShort = field.min > 0 ? ['""'] : [];
      return [
        ...list(String.raw`5 true "a\u0000b" "a\ud800b" "\udc00" "\ude00\ud83d"`),
        ...others,
        ...tooLong,
        ...tooShort,
      ];
    }
    case 'integer':
      return [
        ...[field.min - 1, -1, 1.5, 1e21, -1e21].map(String),
        ...list('1e400 -1e400 9223372036854775808 18446744073709551616 true false "5" ""'),
        ...(field.min > 0 ? list('-0 -0.0 1e-400') : []),
        field.max === Number.MAX_SAFE_INTEGER ? '9007199254740992' : String(field.max + 1),
        ...others,
      ];
    case 'flag':
      return [...list('0 1 "true" "yes" ""'), ...others];
    case 'tags':
      return [
        ...list('5 true {} [5] [null] [["a"]] [""] ["a.b"] ["a,b"] ["a/b"] ["😀"]'),
        ...['["a b"]', '[" a"]', '"a b"', '["a\\n"]', '"a\\u0000"', '["\\u0000"]', '["\\ud800"]'],
        ...['x'.repeat(51), '𝒜'.repeat(51)].map((tag) => JSON.stringify([tag])),
        ...[elevenTags, elevenTags.join(',')].map((tags) => JSON.stringify(tags)),
      ];
  }
}

/** Wrong values in YAML, including those that JSON cannot express. */
export function badYaml(field: Field): string[] {
  switch (field.kind) {
    case 'text':
      return ['[a, b]', '{a: b}', '"\\0"', '"\\ud800"'];
    case 'integer':
      return [
        ...list('.nan .inf -.inf 1e400 9223372036854775808 1.5 "5" five true [1] 1_0 0b1'),
        ...(field.min > 0 ? ['-0'] : []),
      ];
    case 'flag':
      return list('yes on 1 "true" [true]');
    case 'tags':
      return ['[a b]', '[[a]]', '[{a: b}]', '[~]', '1.5', '{a: b}', '"a\\0"'];
  }
}
