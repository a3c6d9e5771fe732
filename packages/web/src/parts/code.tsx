import type { ComponentChildren } from 'preact';

/** Commands to copy. The script adds the button: without one there is nothing to press. */
export function Code({ label, copies, children }: { label: string; copies?: string; children: ComponentChildren }) {
  return (
    <div class="code" data-copy={copies ?? `Copy the ${label}`}>
      <pre tabIndex={0} aria-label={label.charAt(0).toUpperCase() + label.slice(1)} role="group">
        <code>{children}</code>
      </pre>
    </div>
  );
}

/** A comment in a command. */
export const C = ({ children }: { children: ComponentChildren }) => <span class="c">{children}</span>;
/** A text in a program. */
export const S = ({ children }: { children: ComponentChildren }) => <span class="s">{children}</span>;
/** A keyword in a program. */
export const K = ({ children }: { children: ComponentChildren }) => <span class="k">{children}</span>;

interface TabsProps {
  /** The name of the radios, one per page. */
  readonly name: string;
  readonly legend: string;
  readonly panels: readonly (readonly [title: string, panel: ComponentChildren])[];
}

/** Tabs that work without a script: radios, and the panel of the one that is checked. */
export function Tabs({ name, legend, panels }: TabsProps) {
  return (
    <div class="tabs boxed">
      <fieldset class="tab-row">
        <legend class="vh">{legend}</legend>
        {panels.map(([title], i) => (
          <label key={title}>
            <input type="radio" name={name} checked={i === 0} />
            {title}
          </label>
        ))}
      </fieldset>
      {panels.map(([title, panel]) => (
        <div key={title} class="panel">
          {panel}
        </div>
      ))}
    </div>
  );
}
