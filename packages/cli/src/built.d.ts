/** What `build.ts` puts into the one file. */
declare module 'pinchwork:parts' {
  /** The sources of the program's parts, as modules of CommonJS, by name: `./main.js`. */
  export const parts: Readonly<Record<string, string>>;
}
