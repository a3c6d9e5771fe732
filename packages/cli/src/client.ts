import { type Options, Pinchwork } from '@pinchwork/sdk';
import type { Io } from './io.ts';
import { plainFetch } from './plain-fetch.ts';
import { version } from './version.ts';

/** A client that says which program it is, and starts sooner than with Node's own `fetch`. */
export const clientOf = ({ fetch = plainFetch }: Pick<Io, 'fetch'>, options: Options): Pinchwork =>
  new Pinchwork({ headers: { 'user-agent': `pinchwork/${version}` }, ...options, fetch });
