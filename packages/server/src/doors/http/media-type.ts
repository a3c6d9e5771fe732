/** `type/subtype`, both tokens (RFC 9110, 8.3.1). */
const wellFormed = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+$/;

/** Stands for any type that says nothing about how to read a body. */
const unknownType = 'application/octet-stream';

/** The media type that a `Content-Type` header names, in lower case, without parameters; malformed ones say nothing. */
export function mediaType(contentType: string | undefined): string {
  const name = (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();
  return wellFormed.test(name) ? name : unknownType;
}
