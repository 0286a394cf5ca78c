const PAINT = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-opacity', 'opacity', 'font-size', 'font-family', 'text-anchor'];

/** The picture of a chart as a file of its own: colours of the page written out, on the page's background, with its title. */
export function standalone(svg: SVGSVGElement, title: string, legend: readonly { label: string; color: string }[]): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const [from, to] = [svg.querySelectorAll('*'), copy.querySelectorAll('*')];
  from.forEach((element, index) => {
    const style = getComputedStyle(element);
    const target = to[index];
    target?.removeAttribute('class');
    PAINT.forEach(name => target?.setAttribute(name, style.getPropertyValue(name)));
  });
  copy.querySelectorAll('[data-hover]').forEach(element => { element.remove(); });
  const { width, height } = svg.getBoundingClientRect();
  const style = getComputedStyle(svg);
  const rows = Math.ceil(legend.length / Math.max(1, Math.floor(width / 160)));
  const whole = height + 26 + 18 * rows;
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', String(width));
  copy.setAttribute('height', String(whole));
  copy.setAttribute('viewBox', `0 -26 ${width} ${whole}`);
  copy.removeAttribute('class');
  const add = (name: string, attributes: Record<string, string | number>, text = ''): SVGElement => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    Object.entries(attributes).forEach(([key, value]) => { element.setAttribute(key, String(value)); });
    element.textContent = text;
    return element;
  };
  const font = { 'font-family': 'system-ui, sans-serif', 'fill': style.color };
  copy.prepend(
    add('rect', { x: 0, y: -26, width, height: whole, fill: style.getPropertyValue('--nbt-surface').trim() || '#fff' }),
    add('text', { x: 8, y: -8, 'font-size': 13, 'font-weight': 600, ...font }, title)
  );
  const columns = Math.max(1, Math.floor(width / 160));
  legend.forEach(({ label, color }, index) => {
    const [x, y] = [8 + (index % columns) * 160, height + 12 + 18 * Math.floor(index / columns)];
    copy.append(add('rect', { x, y: y - 8, width: 10, height: 10, rx: 2, fill: color }), add('text', { x: x + 15, y, 'font-size': 11, ...font }, label));
  });
  return new XMLSerializer().serializeToString(copy);
}

function offer(content: Blob, name: string): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => { URL.revokeObjectURL(address); }, 10_000);
}

const fileName = (title: string): string => title.replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 80) || 'chart';

/** Give a picture to the person as an SVG file. */
export function saveSvg(svg: string, title: string): void {
  offer(new Blob([svg], { type: 'image/svg+xml' }), `${fileName(title)}.svg`);
}

/** Give a picture to the person as a PNG file, twice as fine as the screen. */
export function savePng(svg: string, title: string): void {
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [2 * image.width, 2 * image.height];
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob(content => {
      if (content) {
        offer(content, `${fileName(title)}.png`);
      }
    });
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
}
