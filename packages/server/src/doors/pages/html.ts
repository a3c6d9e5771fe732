import { fill } from './template.ts';

/**
 * Text that is already markup, either written by us or escaped. All other text is escaped when it is put into a page.
 */
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

/**
 * Invisible characters, some of which change the direction of the text around them. They are harmless in a single task
 * and harmful in a page about many.
 */
const invisible = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

const escape = (text: string) =>
  text.replace(invisible, ' ').replace(/[&<>"']/g, (character) => entities[character] ?? '');

const toMarkup = (value: string | number | Html) => (value instanceof Html ? value.text : escape(String(value)));

/** Fills in a page template. Values are escaped unless they are `Html`. */
export const fillPage = (template: string, values: Readonly<Record<string, string | number | Html>>) =>
  new Html(fill(template, values, toMarkup));
