const width = 100;
const height = 24;
const margin = 2;

/** The points of a line through values over its whole width; a gap is left out. */
function points(values: readonly (number | null)[]): string[] {
  const known = values.filter((value) => value !== null);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const step = width / Math.max(1, values.length - 1);
  return values.flatMap((value, i) => {
    if (value === null) return [];
    // A series that does not change is a line at half the height.
    const part = most === least ? 0.5 : (value - least) / (most - least);
    return `${(i * step).toFixed(1)} ${(height - margin - part * (height - 2 * margin)).toFixed(1)}`;
  });
}

/** 24 hours as a line, with the last value as a dot. */
export function Spark({ values, label }: { values: readonly (number | null)[]; label: string }) {
  const line = points(values);
  const last = line.at(-1);
  if (last === undefined) return <svg class="spark" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} />;
  const [x = '0'] = last.split(' ');
  const [from = '0'] = (line[0] ?? '').split(' ');
  const path = `M${line.join('L')}`;
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path class="area" d={`M${from} ${height}L${line.join('L')}L${x} ${height}Z`} />
      <path d={path} />
      <path class="now" d={`M${last}h0`} />
    </svg>
  );
}
