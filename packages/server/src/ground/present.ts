/** The value, where the types cannot show that it is there. @throws Error that names it when it is missing: a bug. */
export function present<T>(value: T, what: string): NonNullable<T> {
  if (value === undefined || value === null) throw new Error(`${what} is missing`);
  return value;
}

/** The element at an index that the list has; -1 is the last one. @throws Error when the list is shorter: a bug. */
export const at = <T>(list: readonly T[], index: number): NonNullable<T> =>
  present(list.at(index), `Element ${index} of a list of ${list.length}`);
