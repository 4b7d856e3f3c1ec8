// The loss curve: an SVG that is drawn anew when points come. Losses go down by orders of magnitude, so their axis is logarithmic.

const usualWidth = 880, narrow = 600, left = 52, right = 12, top = 12, bottom = 34;
const make = (name, attributes, text) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
};

/** 0.01, 0.03, 0.1, 0.3, 1, … from the one below the lowest loss to the one above the highest. */
function lossTicks(lowest, highest) {
  const all = Array.from({ length: 17 }, (_, i) => (i % 2 ? 3 : 1) * 10 ** (Math.floor(i / 2) - 5));
  const first = all.findLastIndex(tick => tick <= lowest), last = all.findIndex(tick => tick >= highest);
  return all.slice(Math.max(first, 0), last < 0 ? undefined : last + 1);
}

/** Round steps between 0 and the most, about as many as wanted. */
function ticks(most, wanted) {
  const rough = most / wanted, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(candidate => candidate >= rough);
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) => i * step);
}

/** Draws points {step, loss, validation} of a run of so many steps; best is the point with the lowest validation loss. */
export function draw(svg, points, steps, best) {
  // As wide as it is shown, so that its words keep their size on a telephone.
  const width = Math.round(svg.clientWidth) || usualWidth, height = width < narrow ? 240 : 300;
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  const title = svg.querySelector('title');
  const all = points.flatMap(point => point.validation === null ? [point.loss] : [point.loss, point.validation]);
  const losses = lossTicks(Math.min(1, ...all), Math.max(3, ...all));
  const lowest = losses[0], highest = losses.at(-1);
  const x = step => left + (width - left - right) * step / Math.max(steps, 1);
  const y = loss => height - bottom - (height - top - bottom) * Math.log(Math.max(loss, lowest) / lowest) / Math.log(highest / lowest);
  const path = of => of.map(([step, loss], i) => `${i ? 'L' : 'M'}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`).join('');
  const parts = [];
  for (const loss of losses) {
    parts.push(make('line', { class: 'grid', x1: left, x2: width - right, y1: y(loss), y2: y(loss) }));
    parts.push(make('text', { x: left - 10, y: y(loss) + 4, 'text-anchor': 'end' }, String(+loss.toPrecision(1))));
  }
  for (const step of ticks(Math.max(steps, 1), Math.min(8, width / 110)).filter(Number.isInteger))
    // A number of many digits at the end stays inside.
    parts.push(make('text', { x: x(step), y: height - 10, 'text-anchor': x(step) > width - 2 * right ? 'end' : 'middle' }, step));
  if (points.length > 0) {
    const curve = path(points.map(point => [point.step, point.loss]));
    parts.push(make('path', { class: 'area', d: `${curve}L${x(points.at(-1).step)} ${y(lowest)}L${x(points[0].step)} ${y(lowest)}Z` }));
    parts.push(make('path', { class: 'curve', d: curve }));
    const watched = points.filter(point => point.validation !== null);
    parts.push(make('path', { class: 'watched', d: path(watched.map(point => [point.step, point.validation])) }));
    for (const point of watched)
      parts.push(make('circle', { class: point === best ? 'dot best' : 'dot', cx: x(point.step), cy: y(point.validation), r: point === best ? 5.5 : 3.5 }));
    const last = points.at(-1);
    title.textContent = `Loss curve to step ${last.step} of ${steps}: training loss from ${points[0].loss.toFixed(2)} to ${last.loss.toFixed(2)}`
      + (best ? `; best loss on watched questions ${best.validation.toFixed(2)} at step ${best.step}` : '');
  }
  svg.replaceChildren(title, ...parts);
}
