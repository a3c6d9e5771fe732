import type { Clock } from './clock.ts';

/**
 * Remembers what was read under each name for `freshMs`, of at most `most` names. Simultaneous calls share a reading. A
 * reading that fails is not remembered.
 *
 * @param read called with the empty name by those who give none.
 */
export function remembered<T>(
  clock: Clock,
  { freshMs, most = 1 }: { readonly freshMs: number; readonly most?: number },
  read: (name: string) => Promise<T>,
): (name?: string) => Promise<T> {
  const known = new Map<string, { readonly value: Promise<T>; readonly until: number }>();
  return (name = '') => {
    const now = clock.now();
    const found = known.get(name);
    if (found !== undefined && now < found.until && now >= found.until - freshMs) return found.value;
    known.delete(name);
    const [oldest] = known.keys();
    if (oldest !== undefined && known.size >= most) known.delete(oldest);
    const value = read(name);
    known.set(name, { value, until: now + freshMs });
    value.catch(() => known.delete(name));
    return value;
  };
}
