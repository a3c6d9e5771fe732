const svgNamespace = 'http://www.w3.org/2000/svg';

/** An icon of the page's symbols. */
export function icon(name: string, more = ''): SVGSVGElement {
  const svg = document.createElementNS(svgNamespace, 'svg');
  svg.setAttribute('class', `i ${more}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(svgNamespace, 'use');
  use.setAttribute('href', `#${name}`);
  svg.append(use);
  return svg;
}

/** An element with a class and a text, or with children. Texts are never markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className: string,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className !== '') made.className = className;
  made.append(...children);
  return made;
}
