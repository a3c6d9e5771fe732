import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { keptChecks } from '../../support/kept-checks.ts';

/**
 * The official tests of JSON Schema 2020-12 (https://github.com/json-schema-org/JSON-Schema-Test-Suite, commit
 * 44401e0c, under the license beside it): all that are required, and those of the formats, a group a line.
 */
interface Group {
  readonly file: string;
  readonly description: string;
  readonly schema: unknown;
  readonly tests: readonly { readonly description: string; readonly data: unknown; readonly valid: boolean }[];
}

const groups = readFileSync(new URL('./json-schema-test-suite.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Group);

/** Schemas that are refused when the task is posted, because they need others (contract section 3a). */
const refused: Readonly<Record<string, number>> = { dynamicRef: 5, refRemote: 15, vocabulary: 2 };

/** Where an acceptance differs on purpose: formats assert, and `regex` is the syntax of RE2. */
const asserted = (file: string, description: string) =>
  file === 'format' && description.endsWith('is only an annotation by default');

/** What the library gets wrong: the formats of what hardly anybody writes. */
const wrong = [
  'format/ecmascript-regex: when used as a pattern',
  'format/ecmascript-regex: Python named group (?P<name>...) is not ECMA 262',
  'format/ecmascript-regex: a single global inline flag (?i)',
  'format/ecmascript-regex: multiple global inline flags (?ims)',
  'format/ecmascript-regex: a variable-width lookbehind (ES2018)',
  'format/iri: an IPvFuture host with an uppercase version letter is valid',
  'format/time: a valid time string with leap second, Zulu',
  'format/time: valid leap second, zero time-offset',
  'format/time: valid leap second, positive time-offset',
  'format/time: valid leap second, large positive time-offset',
  'format/time: valid leap second, negative time-offset',
  'format/time: valid leap second, large negative time-offset',
];

const compiles = (acceptance: string) =>
  keptChecks.compile('suite', acceptance).then(
    () => true,
    () => false,
  );

it('a check agrees with the official tests of JSON Schema, but where it is meant to differ', async () => {
  const differing: string[] = [];
  const refusals: Record<string, number> = {};
  for (const { file, description, schema, tests } of groups) {
    const acceptance = JSON.stringify({ schema });
    if (!(await compiles(acceptance))) {
      refusals[file] = (refusals[file] ?? 0) + 1;
      continue;
    }
    for (const test of tests) {
      const problems = await keptChecks.check('suite', acceptance, JSON.stringify(test.data));
      const differs = (problems.length === 0) !== test.valid;
      if (differs && !asserted(file, test.description)) {
        differing.push(
          file.startsWith('format/') ? `${file}: ${test.description}` : `${file}: ${description}: ${test.description}`,
        );
      }
    }
  }
  expect(refusals).toEqual(refused);
  expect(differing).toEqual(wrong);
});
