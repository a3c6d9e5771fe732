/** What a client can say about a task besides its text (docs/interop.md, "Methods"). */
const names = [
  'decision',
  'question_id',
  'max_credits',
  'tags',
  'context',
  'deadline_minutes',
  'review_timeout_minutes',
  'claim_timeout_minutes',
  'acceptance',
  'auto_approve',
] as const;

export type Metadata = Readonly<Partial<Record<(typeof names)[number], unknown>>>;

type Given = Readonly<Record<string, unknown>> | undefined;

/** Reads the known keys, written with underscores or in camelCase. The first object that has a key counts. */
export function readMetadata(...given: readonly Given[]): Metadata {
  const found: Partial<Record<(typeof names)[number], unknown>> = {};
  for (const name of names) {
    const values = given.map((each) => each?.[name] ?? each?.[camel(name)]);
    const value = values.find((each) => each !== undefined && each !== null);
    if (value !== undefined) found[name] = value;
  }
  const { acceptance } = found;
  if (isMapping(acceptance)) found.acceptance = withNames(acceptance, snake);
  return found;
}

/** The keys that are none of the known ones, in the spelling of REST where they have another. */
export const unknownIn = (...given: readonly Given[]): string[] =>
  given
    .flatMap((each) => Object.keys(each ?? {}).map(snake))
    .filter((name) => !(names as readonly string[]).includes(name));

/** The fields of a reply as metadata: keys in camelCase, also those of the objects in it. Texts of others stay as they are. */
export const toMetadata = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  withNames(
    Object.fromEntries(
      Object.entries(fields)
        .filter(([, value]) => value !== null && value !== undefined)
        .map(([name, value]) => [name, isMapping(value) ? withNames(value, camel) : value]),
    ),
    camel,
  );

const withNames = (fields: object, rename: (name: string) => string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [rename(name), value]));

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
