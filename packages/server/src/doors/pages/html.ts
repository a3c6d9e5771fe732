import { fill } from './template.ts';

/** Text that is markup already: ours, or escaped. Everything else is escaped when it goes into a page. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Characters that draw nothing and turn the text around them: fine in a task, harmful in a page about many. */
const invisible = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

const escape = (text: string) => text.replace(invisible, ' ').replace(/[&<>"']/g, (character) => entities[character]!);

const toMarkup = (value: string | number | Html) => (value instanceof Html ? value.text : escape(String(value)));

/** Fills in a page. Values are escaped unless they are `Html`. */
export const fillPage = (template: string, values: Readonly<Record<string, string | number | Html>>) =>
  new Html(fill(template, values, toMarkup));

/** The beginning of a text on one line, so many code points long. */
export function previewOf(text: string, length: number): string {
  const line = text.replace(/\s+/gu, ' ').trim();
  const points = Array.from(line.slice(0, length * 2 + 2));
  return points.length > length ? `${points.slice(0, length).join('')}…` : points.join('');
}
