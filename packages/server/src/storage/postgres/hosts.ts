import { takeApart } from '../../ground/postgres-address.ts';
import { at } from '../../ground/present.ts';

/**
 * The values of `target_session_attrs` (libpq) that ask for a server that accepts writes. The other values make no
 * sense here.
 */
const writable = ['read-write', 'primary'];

/**
 * The servers of an address such as `postgres://user:password@one:5432,two:5432/name?target_session_attrs=read-write`.
 * One of them accepts writes at a time. Connections go to the server that accepted the last ones, until it fails to.
 */
export class Hosts {
  /** One address per server. */
  readonly #urls: readonly string[];
  /** Whether to skip a server that does not accept writes. */
  readonly wantsPrimary: boolean;
  #at = 0;

  /** @throws Error with a message for people, when the address cannot be parsed. */
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
    return at(this.#urls, this.#at);
  }

  /** Moves on to the next server, unless another caller has already moved on from `url`. */
  leave(url: string): void {
    if (url === this.url) this.#at = (this.#at + 1) % this.#urls.length;
  }

  /** Where the data is. Contains no secrets. */
  get location(): string {
    const hosts = this.#urls.map((url) => new URL(url).host).join(',');
    const { protocol, pathname } = new URL(this.url);
    return `${protocol}//${hosts}${pathname}`;
  }
}
