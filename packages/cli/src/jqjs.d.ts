/** The part of `@michaelhomer/jqjs` that is used; it brings no types. */
declare module '@michaelhomer/jqjs' {
  const jq: { compile(program: string): (input: unknown) => Iterable<unknown> };
  export default jq;
}
