import { createRequire, Module } from 'node:module';

/** A module of CommonJS, with what its types leave out. */
interface Part extends Module {
  _compile(source: string, filename: string): void;
}

/**
 * Runs the parts of the program, whose sources are in its one file, when they are asked for. Node takes them for files
 * beside that one, and so keeps what it has compiled of them.
 *
 * @param file the path of the program
 * @returns what loads a part, or a module of Node
 */
export function partsOf(file: string, sources: Readonly<Record<string, string>>): (name: string) => unknown {
  const loaded = new Map<string, Module>();
  const builtin = createRequire(file);
  const load = (name: string): unknown => {
    const known = loaded.get(name);
    if (known !== undefined) return known.exports;
    const source = sources[name];
    if (source === undefined) return builtin(name);
    const part = new Module(`${file}-${name.replace('./', '')}`) as Part;
    loaded.set(name, part);
    part.require = load as NodeJS.Require;
    part._compile(source, part.id);
    return part.exports;
  };
  return load;
}
