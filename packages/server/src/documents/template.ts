import { readFileSync } from 'node:fs';

export type Values = Readonly<Record<string, string | number>>;

/** A text with `{{names}}` in it, from the folder of documents. */
export function readTemplate(name: string): string {
  return readFileSync(new URL(`../../documents/${name}`, import.meta.url), 'utf8');
}

/**
 * Fills a template in.
 *
 * @throws Error for a name that has no value: a document must not show its seams.
 */
export function fill(template: string, values: Values): string {
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`A document wants {{${name}}}, which has no value`);
    return String(value);
  });
}
