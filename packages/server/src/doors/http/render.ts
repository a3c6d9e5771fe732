/**
 * Replies as Markdown with YAML front matter (contract section 1). YAML 1.2 takes every JSON value as it is, so values
 * are written as JSON, lists and mappings in block style for the reader's sake. `yaml.stringify` takes 52 µs for a
 * task, this 3 µs.
 */
export type Reply = Readonly<Record<string, unknown>>;

/** Words that a plain YAML scalar may be without meaning something else, in YAML 1.1 readers too. */
const plainWord = /^[A-Za-z][A-Za-z0-9_-]*$/;
const reserved = /^(y|n|yes|no|on|off|true|false|null|e\d+)$/i;

/** What JSON leaves as it is and YAML does not allow, or some readers take for a line's end. */
const unprintable = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

function scalar(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  if (plainWord.test(value) && !reserved.test(value)) return value;
  return JSON.stringify(value).replace(
    unprintable,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function lines(value: Reply, indent: string): string {
  let text = '';
  for (const [key, field] of Object.entries(value)) {
    if (field !== undefined) text += `${indent}${key}:${block(field, indent)}`;
  }
  return text;
}

function block(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []\n';
    return `\n${value.map((item) => `${indent}  - ${listItem(item, `${indent}    `)}`).join('')}`;
  }
  if (isMapping(value)) return `\n${lines(value, `${indent}  `)}`;
  return ` ${scalar(value)}\n`;
}

const listItem = (item: unknown, indent: string) =>
  isMapping(item) ? lines(item, indent).slice(indent.length) : `${scalar(item)}\n`;

const isMapping = (value: unknown): value is Reply =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;

/**
 * The whole reply: `result`, where there is one, is the body byte for byte; else the body is a line for people.
 *
 * @param line makes that line of the reply.
 */
export function toMarkdown<T extends Reply>(reply: T, line: (reply: T) => string): string {
  if (typeof reply.result === 'string') {
    const { result, ...fields } = reply as Reply;
    return `---\n${lines(fields, '')}---\n${result as string}`;
  }
  return `---\n${lines(reply, '')}---\n${line(reply)}\n`;
}
