import { takeApart } from '../../ground/postgres-address.ts';

/** What libpq calls servers that take writes. Others make no sense here. */
const writable = ['read-write', 'primary'];

/**
 * The servers that an address names: `postgres://user:password@one:5432,two:5432/name?target_session_attrs=read-write`.
 * One of them takes writes at a time; connections go to the one that did last, until it is found not to.
 */
export class Hosts {
  /** One address for each server. */
  readonly #urls: readonly string[];
  /** Whether a server that takes no writes is passed over. */
  readonly wantsPrimary: boolean;
  #at = 0;

  /** @throws Error with a sentence for people when the address can't be taken apart. */
  constructor(url: string) {
    const parts = takeApart(url);
    if (parts === undefined) throw new Error('the address is not like postgres://user:password@host/name');
    this.#urls = parts.hosts.map((host) => `${parts.before}${host}${parts.path}`);
    this.wantsPrimary = parts.hosts.length > 1 || writable.includes(parts.attrs ?? '');
  }

  get count(): number {
    return this.#urls.length;
  }

  /** The address of the server to connect to. */
  get url(): string {
    return this.#urls[this.#at]!;
  }

  /** Goes on to the next server, unless somebody has done so since `url` was current. */
  leave(url: string): void {
    if (url === this.url) this.#at = (this.#at + 1) % this.#urls.length;
  }

  /** Where the data is, without secrets. */
  get location(): string {
    const hosts = this.#urls.map((url) => new URL(url).host).join(',');
    const { protocol, pathname } = new URL(this.url);
    return `${protocol}//${hosts}${pathname}`;
  }
}
