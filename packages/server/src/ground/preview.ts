/** The first `length` code points of a text, on one line. */
export function previewOf(text: string, length: number): string {
  const line = text.replace(/\s+/gu, ' ').trim();
  const points = Array.from(line.slice(0, length * 2 + 2));
  return points.length > length ? `${points.slice(0, length).join('')}…` : points.join('');
}
