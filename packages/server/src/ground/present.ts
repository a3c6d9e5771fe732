/** The value, where the types cannot show that it is there. @throws Error that names it when it is missing: a bug. */
export function present<T>(value: T, what: string): NonNullable<T> {
  if (value === undefined || value === null) throw new Error(`${what} is missing`);
  return value;
}

/** The element at an index that the list has; -1 is the last one. @throws Error when the list is shorter: a bug. */
export function at<T>(list: readonly T[], index: number): NonNullable<T> {
  const value = list.at(index);
  // The text is made only for an error, because lists are read in loops.
  return value ?? present(value, `Element ${index} of a list of ${list.length}`);
}

/** The names of a table that is written in the source, as its type has them; `Object.keys` forgets them. */
export const namesOf = <T extends object>(table: T): (keyof T & string)[] => Object.keys(table) as (keyof T & string)[];
