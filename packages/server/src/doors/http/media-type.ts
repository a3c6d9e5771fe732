import { DomainError } from '../../ground/errors.ts';
import { at } from '../../ground/present.ts';

/** `type/subtype`, both tokens (RFC 9110, 8.3.1). */
const wellFormed = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+$/;

const jsonType = 'application/json';

/** The type for bodies whose `Content-Type` does not say how to read them. */
const unknownType = 'application/octet-stream';

/**
 * The media type in a `Content-Type` header, in lower case and without parameters. A malformed header counts as
 * unknown.
 */
export function mediaType(contentType: string | undefined): string {
  if (contentType === jsonType) return jsonType;
  const name = at((contentType ?? '').split(';', 1), 0)
    .trim()
    .toLowerCase();
  return wellFormed.test(name) ? name : unknownType;
}

const yamlTypes = new Set(['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml']);

/** How to read a body of a media type, as far as the type decides it. */
export function kindOf(type: string): 'json' | 'yaml' | 'markdown' | 'plain' | 'form' | 'any' {
  if (type === jsonType) return 'json';
  if (yamlTypes.has(type)) return 'yaml';
  if (type === 'text/markdown') return 'markdown';
  if (type === 'text/plain') return 'plain';
  return type === 'application/x-www-form-urlencoded' ? 'form' : 'any';
}

const sendAs = 'Send JSON (Content-Type: application/json), or Markdown with YAML front matter.';

/**
 * Refuses types of bodies that are not text but would be read as text (contract section 1, "Forms and other types").
 *
 * @param encoding the `Content-Encoding` header.
 * @throws DomainError `unsupported_media_type`.
 */
export function refuseType(contentType: string | undefined, encoding: string | undefined): void {
  if (encoding !== undefined && encoding.trim() !== '') {
    throw unsupported(
      'A body with a Content-Encoding is not read here',
      'Send the body as it is, without compression.',
    );
  }
  const type = mediaType(contentType);
  const isXml = type === 'text/xml' || type === 'application/xml' || type.endsWith('+xml');
  if (!isXml && !type.startsWith('multipart/')) return;
  throw unsupported(`A body of the type ${type.slice(0, 60)} is not read here`, sendAs);
}

const unsupported = (message: string, hint: string) => new DomainError('unsupported_media_type', message, hint);
