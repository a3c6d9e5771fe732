import { readFileSync } from 'node:fs';

export type Values = Readonly<Record<string, string | number>>;

/** Reads a template with `{{names}}` from the folder of documents. */
export function readTemplate(name: string): string {
  return readFileSync(new URL(`../../../documents/${name}`, import.meta.url), 'utf8');
}

/**
 * Fills in a template: each `{{name}}` becomes the value with that name.
 *
 * @param write turns a value into text. Default: `String`.
 * @throws Error for a name without a value, so that no document is served with a placeholder in it.
 */
export function fill<T = string | number>(
  template: string,
  values: Readonly<Record<string, T>>,
  write: (value: T) => string = String,
): string {
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`The template needs {{${name}}}, which has no value`);
    return write(value);
  });
}
