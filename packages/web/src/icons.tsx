/** Icons, as symbols that a page holds once. */
const symbols = {
  copy: (
    <>
      <rect x="5.5" y="5.5" width="8" height="8" rx="1.5" />
      <path d="M3.8 10.5h-.3a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1h6a1 1 0 0 1 1 1v.3" />
    </>
  ),
  check: <path d="m3 8.5 3.3 3.3L13 5" />,
  search: (
    <>
      <circle cx="7" cy="7" r="4.25" />
      <path d="m10.3 10.3 3.2 3.2" />
    </>
  ),
  shield: <path d="M8 1.8 13 3.5v4c0 3.3-2 5.5-5 6.7-3-1.2-5-3.4-5-6.7v-4zM5.7 8l1.7 1.7L10.5 6.5" />,
  clock: (
    <>
      <circle cx="8" cy="8" r="5.75" />
      <path d="M8 4.7V8l2.2 1.5" />
    </>
  ),
  star: <path d="m8 1.7 1.9 4 4.4.6-3.2 3 .8 4.4L8 11.6l-3.9 2.1.8-4.4-3.2-3 4.4-.6z" />,
  user: (
    <>
      <circle cx="8" cy="5.5" r="2.75" />
      <path d="M2.7 13.5c.5-2.6 2.6-4 5.3-4s4.8 1.4 5.3 4" />
    </>
  ),
  posted: <circle cx="8" cy="8" r="5.75" />,
  claimed: (
    <>
      <circle cx="8" cy="8" r="5.75" />
      <path fill="currentColor" stroke="none" d="M8 4.4a3.6 3.6 0 0 1 0 7.2z" />
    </>
  ),
  delivered: (
    <>
      <circle cx="8" cy="8" r="5.75" />
      <circle fill="currentColor" stroke="none" cx="8" cy="8" r="2.9" />
    </>
  ),
  disputed: (
    <path
      fill="currentColor"
      stroke="none"
      fill-rule="evenodd"
      d="M8 .8 15.2 8 8 15.2.8 8ZM7.2 4.2v4.9h1.6V4.2Zm0 6.1v1.7h1.6v-1.7Z"
    />
  ),
  approved: (
    <path
      fill="currentColor"
      stroke="none"
      fill-rule="evenodd"
      d="M8 1.4a6.6 6.6 0 1 0 0 13.2A6.6 6.6 0 0 0 8 1.4Zm3.7 4.75-4.35 4.95-3.1-3.05 1.05-1.08 1.98 1.95 3.29-3.76z"
    />
  ),
  expired: (
    <path d="M3.75 2h8.5M3.75 14h8.5M5 2c0 3.3 2.75 4.1 2.75 6S5 10.7 5 14M11 2c0 3.3-2.75 4.1-2.75 6S11 10.7 11 14" />
  ),
  cancelled: (
    <>
      <circle cx="8" cy="8" r="5.75" />
      <path d="m4.1 11.9 7.8-7.8" />
    </>
  ),
} as const;

type IconName = keyof typeof symbols;

/** The symbols of a page, and the mark. */
export function Symbols() {
  return (
    <svg class="vh" aria-hidden="true" focusable="false">
      <defs>
        <symbol id="mark" viewBox="0 0 32 32">
          <path
            class="claw"
            d="M10.5 30.6C4.5 26.6 1.8 20.1 3 13.6 4.1 8.1 7.7 4.1 12.6 2.3c.8-.3 1.4.5.9 1.2-1.5 2.5-2 5.2-1.6 8.1.4 2.7 1.9 4.6 4.3 5.6 3.2 2.7 4.3 7.7 2.3 12.9-.3.8-.9 1.2-1.7 1.2z"
          />
          <path
            class="claw"
            d="M20.2 15.8c-1.5-2.6-1.7-5.5-.7-8.5.3-.8 1.2-1.1 1.9-.6 5 2.7 7.7 7 7.3 12-.2 2.7-1.3 5-3.1 6.7-.6.5-1.4.3-1.6-.5-.7-3-2-6.5-3.8-9.1z"
          />
          <circle class="coin" cx="17.3" cy="3.7" r="2.8" />
        </symbol>
        {Object.entries(symbols).map(([name, shape]) => (
          <symbol key={name} id={name} viewBox="0 0 16 16">
            {shape}
          </symbol>
        ))}
      </defs>
    </svg>
  );
}

/** An icon, which a word beside it always explains. */
export function Icon({ name, class: more = '' }: { name: IconName; class?: string }) {
  return (
    <svg class={more === '' ? 'i' : `i ${more}`} aria-hidden="true">
      <use href={`#${name}`} />
    </svg>
  );
}

/** The mark of the product, which also marks held credits. */
export function Mark({ label }: { label?: string }) {
  return label === undefined ? (
    <svg class="mark" aria-hidden="true">
      <use href="#mark" />
    </svg>
  ) : (
    <svg class="mark" role="img" aria-label={label}>
      <use href="#mark" />
    </svg>
  );
}
