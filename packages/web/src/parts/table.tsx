import type { ComponentChildren } from 'preact';

/**
 * The cells of a table that becomes a list of cards on phones. Their roles are explicit, because a table whose display
 * changes is no table to a screen reader any more.
 */
interface CellProps {
  readonly class?: string;
  readonly children: ComponentChildren;
}

export const HeadCell = ({ class: more, children }: CellProps) => (
  <th role="columnheader" scope="col" class={more}>
    {children}
  </th>
);

export const RowHead = ({ class: more, children }: CellProps) => (
  <th role="rowheader" scope="row" class={more}>
    {children}
  </th>
);

/** @param label what names the value where the head of the table is not shown */
export const Cell = ({ label, class: more, children }: CellProps & { label: string }) => (
  <td role="cell" data-label={label} class={more}>
    {children}
  </td>
);
