import {
  type Browser,
  type Document,
  entries,
  get,
  keys,
  removeUriSchemePlugin,
  step,
  value,
} from '@hyperjump/browser';
import { setShouldValidateFormat, setShouldValidateSchema } from '@hyperjump/json-schema/draft-2020-12';
import {
  addFormat,
  addKeyword,
  buildSchemaDocument,
  compile,
  type CompiledSchema,
  getKeyword,
  getSchema,
  interpret,
  type Keyword,
  type SchemaDocument,
  Validation,
} from '@hyperjump/json-schema/experimental';
import '@hyperjump/json-schema/formats';
import { fromJs } from '@hyperjump/json-schema/instance/experimental';
import type { Allowance } from './allowance.ts';
import { type Finding, Findings } from './findings.ts';
import { problemsOf } from './problems.ts';
import { compileSchemaPattern, type Pattern, PatternError } from './patterns.ts';

/**
 * JSON Schema 2020-12 as acceptance checks use it (contract section 3a): an interpreter, in which regular expressions
 * are RE2's, formats assert, and nothing is fetched. Only the thread of the checks loads this file, because the
 * library's keywords are set for the whole thread.
 */

export type Json = Parameters<typeof fromJs>[0];
type SchemaBrowser = Browser<SchemaDocument>;

const dialect = 'https://json-schema.org/draft/2020-12/schema';
/** The URI of the schema that is checked. A relative reference in it leads back to it. */
const own = 'https://acceptance.invalid/schema';
const keyword = (name: string) => `https://json-schema.org/keyword/${name}`;

// A reference to anything but the schema itself or the meta-schema finds nothing that could fetch it.
for (const scheme of ['http', 'https', 'file']) removeUriSchemePlugin(scheme);
setShouldValidateFormat(true);
// The schema is compared with the meta-schema by `compileSchema`, which says what is wrong.
setShouldValidateSchema(false);

/** A fault in a schema, and where it is. */
export class SchemaError extends Error {
  /** JSON Pointer into the schema. */
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.path = path;
  }
}

const pathOf = (place: SchemaBrowser) => place.cursor;

function patternAt(place: SchemaBrowser, source: string): Pattern {
  try {
    return compileSchemaPattern(source);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new SchemaError(pathOf(place), `"${source}" is not a regular expression of RE2: ${error.message}`, {
      cause: error,
    });
  }
}

/** Replaces how the library compiles a keyword. The rest of the keyword stays. */
function recompile(name: string, compileKeyword: Keyword<unknown>['compile']): void {
  addKeyword({ ...getKeyword<unknown>(keyword(name)), id: keyword(name), compile: compileKeyword });
}

recompile('pattern', async (schema) => patternAt(schema, value<string>(schema)));

recompile('patternProperties', async (schema, ast) => {
  const compiled: [Pattern, string][] = [];
  for await (const [source, each] of entries(schema)) {
    const place = each as SchemaBrowser;
    compiled.push([patternAt(place, source), await Validation.compile(place, ast, schema)]);
  }
  return compiled;
});

/** The names that `additionalProperties` leaves to `properties` and `patternProperties`. */
interface DefinedProperties {
  readonly names: readonly string[];
  readonly patterns: readonly string[];
  test(name: string): boolean;
}

recompile('additionalProperties', async (schema, ast, parent) => {
  const named = (await step('properties', parent)) as SchemaBrowser;
  const matched = (await step('patternProperties', parent)) as SchemaBrowser;
  const names = new Set(isObject(value(named)) ? keys(named) : []);
  const patterns = (isObject(value(matched)) ? [...keys(matched)] : []).map((source) => patternAt(matched, source));
  const defined: DefinedProperties = {
    names: [...names],
    patterns: patterns.map(({ source }) => source),
    test: (name) => names.has(name) || patterns.some((pattern) => pattern.test(name)),
  };
  return [defined, await Validation.compile(schema, ast, parent)];
});

// Some of the library's formats throw at texts that are far from fitting.
const format = getKeyword<string>(keyword('draft-2020-12/format'));
addKeyword<string>({
  ...format,
  interpret: (...args) => {
    try {
      return format.interpret(...args);
    } catch {
      return false;
    }
  },
});

addFormat({
  id: 'https://json-schema.org/format/regex',
  handler: (text) => typeof text !== 'string' || isPattern(text),
});

function isPattern(source: string): boolean {
  try {
    compileSchemaPattern(source);
    return true;
  } catch {
    return false;
  }
}

const isObject = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

const metaSchema = getSchema(dialect).then((schema) => compile(schema));

/** Compiles a schema. @throws SchemaError; OutOfTime; RangeError if it is nested too deeply. */
export async function compileSchema(schema: Json, allowance: Allowance): Promise<CompiledSchema> {
  refuseOthers(schema, '', 0);
  refuseReferencesToReferences(schema);
  const [fault] = problemsOf(findingsOf(await metaSchema, schema, allowance));
  if (fault !== undefined) throw new SchemaError(fault.path, fault.message);
  const document = documentOf(schema);
  try {
    return await compile(await open(document));
  } catch (error) {
    if (error instanceof SchemaError || error instanceof RangeError) throw error;
    throw await referenceError(document, schema, error);
  }
}

/** Checks a value against a schema. @throws OutOfTime; RangeError if one of both is nested too deeply. */
export function findingsOf(schema: CompiledSchema, json: Json, allowance: Allowance): readonly Finding[] {
  const findings = new Findings(allowance);
  const { valid } = interpret(schema, fromJs(json), { outputFormat: 'FLAG', plugins: [findings] });
  return valid ? [] : findings.found;
}

const documentOf = (schema: Json) =>
  buildSchemaDocument(schema as Parameters<typeof buildSchemaDocument>[0], own, dialect);

/** Opens the schema in a cache of its own, so that no other check can refer to it. */
const open = (document: SchemaDocument, place = '') =>
  getSchema(`${own}${place}`, { _cache: { [own]: document } } as unknown as Browser);

/** Objects and lists in each other. */
const mostLevels = 100;

/** Refuses what would change how the library reads this or other schemas: other dialects, and vocabularies. */
function refuseOthers(json: Json, path: string, level: number): void {
  if (level > mostLevels) throw new SchemaError('', `is nested too deeply: more than ${mostLevels} levels`);
  if (Array.isArray(json)) for (const [i, item] of json.entries()) refuseOthers(item, `${path}/${i}`, level + 1);
  if (!isObject(json)) return;
  const { $schema, $vocabulary } = json;
  if (typeof $schema === 'string' && $schema.replace(/#$/, '') !== dialect) {
    throw new SchemaError(`${path}/$schema`, `must be "${dialect}" or be left out`);
  }
  if (isObject($vocabulary) && (path === '' || typeof json.$id === 'string')) {
    throw new SchemaError(
      `${path}/$vocabulary`,
      'can not be used here: the vocabularies are those of JSON Schema 2020-12',
    );
  }
  for (const [name, each] of Object.entries(json)) refuseOthers(each, `${path}/${escaped(name)}`, level + 1);
}

/** Refuses a reference to the text of a reference, which the library would follow for ever. */
function refuseReferencesToReferences(schema: Json): void {
  for (const { path, target } of referencesIn(schema, '')) {
    const [, fragment = ''] = target.split('#');
    if (/\/(%24|\$)(dynamic)?ref$/i.test(fragment) && typeof valueAt(schema, fragment) !== 'object') {
      throw leadsNowhere(path, target);
    }
  }
}

/** What a JSON Pointer leads to from the root. */
function valueAt(json: Json, pointer: string): unknown {
  const names = pointer.split('/').slice(1).map(unescaped);
  return names.reduce<unknown>(
    (value, name) => (isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined),
    json,
  );
}

const unescaped = (name: string) => {
  try {
    return decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return name;
  }
};

const leadsNowhere = (path: string, target: string, options?: ErrorOptions) =>
  new SchemaError(path, `"${target}" leads to no schema: a schema may refer only to its own parts`, options);

const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** Finds the reference that leads nowhere, which the library's error does not name. */
async function referenceError(document: SchemaDocument, schema: Json, cause: unknown): Promise<SchemaError> {
  const root = await open(document);
  for (const { path, target } of referencesIn(schema, '')) {
    if (await leadsToSchema(root, target)) continue;
    return leadsNowhere(path, target, { cause });
  }
  const reason = cause instanceof Error ? cause.message.slice(0, 200) : String(cause);
  return new SchemaError('', `can't be compiled: ${reason}`, { cause });
}

async function leadsToSchema(from: Browser, target: string): Promise<boolean> {
  try {
    const found = value<unknown>(await get<Document>(target, { ...from }));
    return isObject(found) || typeof found === 'boolean';
  } catch {
    return false;
  }
}

function* referencesIn(json: Json, path: string): Generator<{ readonly path: string; readonly target: string }> {
  if (typeof json !== 'object' || json === null) return;
  for (const [name, each] of Object.entries(json)) {
    const place = `${path}/${escaped(name)}`;
    if ((name === '$ref' || name === '$dynamicRef') && typeof each === 'string') yield { path: place, target: each };
    else yield* referencesIn(each, place);
  }
}
