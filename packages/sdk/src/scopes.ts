/** What a key may be allowed to do (contract section 10, "Scopes"). Each of the others includes `read`. */
export const scopes = ['read', 'post', 'work', 'manage'] as const;
export type Scope = (typeof scopes)[number];

/** Whether a key with the scopes `held` may call what takes one of `needed`. None needed: every key may. */
export function allows(held: readonly Scope[], needed: readonly Scope[]): boolean {
  return needed.length === 0 || needed.some((scope) => scope === 'read' || held.includes(scope));
}
