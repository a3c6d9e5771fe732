import { type Part, Role } from '@a2a-js/sdk';
import { ContentTypeNotSupportedError, RequestMalformedError } from '@a2a-js/sdk/errors';

/**
 * The text of a message: its text parts, its data parts as JSON, then a line for each file that has an address.
 *
 * @throws ContentTypeNotSupportedError for a file that is sent as bytes, RequestMalformedError for no part.
 */
export function textOf(parts: readonly Part[]): string {
  if (parts.length === 0) throw new RequestMalformedError('A message needs at least one part');
  const texts: string[] = [];
  const files: string[] = [];
  for (const part of parts) {
    const { content, filename, mediaType } = part;
    // The package reads 0.3 without a look at the types.
    const value: unknown = content?.value;
    if ((content?.$case === 'text' || content?.$case === 'url') && typeof value !== 'string') {
      throw new RequestMalformedError(`The ${content.$case} of a part must be a text`);
    }
    if (content?.$case === 'text') texts.push(content.value);
    else if (content?.$case === 'data') texts.push(JSON.stringify(content.value ?? null, undefined, 2));
    else if (content?.$case === 'url') {
      const about = [filename, mediaType].filter((each) => each !== '').join(', ');
      files.push(`File: ${content.value}${about === '' ? '' : ` (${about})`}`);
    } else if (content?.$case === 'raw') {
      throw new ContentTypeNotSupportedError('Bytes are not taken here; send text, data, or the address of the file');
    } else throw new RequestMalformedError('A part needs text, data or url');
  }
  return [...texts, files.join('\n')].filter((text) => text !== '').join('\n\n');
}

/** A part with a text. */
export const textPart = (value: string): Part => ({
  content: { $case: 'text', value },
  metadata: undefined,
  filename: '',
  mediaType: 'text/plain',
});

export const roles = { user: Role.ROLE_USER, agent: Role.ROLE_AGENT };
