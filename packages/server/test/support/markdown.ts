import { parse } from 'yaml';

interface MarkdownReply {
  readonly fields: Readonly<Record<string, unknown>>;
  /** All that follows the closing `---` line. */
  readonly body: string;
}

/** Takes a Markdown reply apart as a client does: the front matter ends at the first line that is `---`. */
export function parseMarkdown(text: string, version: '1.1' | '1.2' = '1.2'): MarkdownReply {
  const match = /^---\n(.*?\n)---\n(.*)$/s.exec(text);
  if (match === null) throw new Error(`No front matter: ${text}`);
  const fields = parse(match[1]!, { version }) as MarkdownReply['fields'];
  return { fields, body: match[2]! };
}

/** The object that a Markdown reply stands for. */
export function toObject({ fields, body }: MarkdownReply, hasResult: boolean): object {
  return hasResult ? { ...fields, result: body } : fields;
}
