/** The parts of a PostgreSQL address, which may name several servers. */
interface Parts {
  readonly before: string;
  readonly hosts: readonly string[];
  /** Everything after the host, without `target_session_attrs`. */
  readonly path: string;
  readonly attrs: string | null;
}

/**
 * Parses `postgres://user:password@one:5432,two:5432/name?target_session_attrs=read-write`, as libpq does.
 *
 * @returns undefined when it is not such an address.
 */
export function takeApart(url: string): Parts | undefined {
  const match = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#@]*)([^?#]*)(\?[^#]*)?$/.exec(url);
  if (match === null) return undefined;
  const [, before = '', hosts = '', path = '', search = ''] = match;
  const query = new URLSearchParams(search);
  const attrs = query.get('target_session_attrs');
  query.delete('target_session_attrs');
  const rest = attrs === null ? search : query.size === 0 ? '' : `?${query.toString()}`;
  const parts = { before, hosts: hosts.split(','), path: path + rest, attrs };
  return parts.hosts.every((host) => URL.canParse(`${parts.before}${host}${parts.path}`)) ? parts : undefined;
}

/** Whether the text has the form of a PostgreSQL address. */
export const isPostgresAddress = (text: string): boolean => takeApart(text) !== undefined;
