const units = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;

/** A duration in its largest unit: `3 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [size, unit] = units.find(([each]) => whole >= each) ?? [1, 's'];
  return `${Math.floor(whole / size)} ${unit}`;
}

/** How long ago a time of the wire was, or how far ahead it is: `3 h ago`, `in 5 min`. */
export function age(time: string, nowMs: number): string {
  const seconds = (nowMs - Date.parse(time)) / 1_000;
  if (Number.isNaN(seconds)) return time;
  return seconds >= 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
}
