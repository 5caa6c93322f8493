/*
 * A line chart as SVG text: a value, on a logarithmic axis, over load or the like. Its background is light or dark, as
 * the reader prefers.
 */

const [WIDTH, HEIGHT] = [900, 460];
const PLOT = { left: 64, right: 560, top: 48, bottom: 404 };
const LEGEND = { x: 592, y: 62, step: 22, swatch: 34 };
const TICKS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000];

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 14px; font-weight: 600; }
  .background { fill: #ffffff; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .line { fill: none; stroke-width: 2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .background { fill: #0d1117; }
    .grid { stroke: #30363d; }
  }`;

/**
 * @typedef {{ name: string, color: string, dash: string, values: (number | undefined)[] }} Series a value for each
 *   place on the axis; undefined where there is none
 * @param {{ title: string, unit: string, axis?: string, loads: number[], labels?: string[], series: Series[] }} chart
 *   `loads` are the places on the axis, in percent unless they have `labels`
 */
export function plot({ title, unit, axis = 'load', loads, labels = loads.map((load) => `${load} %`), series }) {
  const values = series.flatMap((one) => one.values).filter((value) => value !== undefined);
  const [low, high] = range(Math.min(...values), Math.max(...values));
  const x = (load) =>
    PLOT.left + 24 + ((load - loads[0]) / (loads.at(-1) - loads[0] || 1)) * (PLOT.right - PLOT.left - 48);
  const y = (value) => PLOT.bottom - (Math.log(value / low) / Math.log(high / low)) * (PLOT.bottom - PLOT.top);
  const point = (value, index) => (value === undefined ? [] : [`${x(loads[index]).toFixed(1)},${y(value).toFixed(1)}`]);

  const rows = TICKS.filter((tick) => tick >= low && tick <= high).map(
    (tick) => `<path class="grid" d="M${PLOT.left} ${y(tick).toFixed(1)}H${PLOT.right}"/>
<text x="${PLOT.left - 8}" y="${(y(tick) + 4).toFixed(1)}" text-anchor="end">${tick}</text>`,
  );
  const columns = loads.map(
    (load, index) =>
      `<text x="${x(load).toFixed(1)}" y="${PLOT.bottom + 20}" text-anchor="middle">${labels[index]}</text>`,
  );
  const lines = series.map(({ color, dash, values: own }) => {
    const points = own.flatMap(point);
    const dots = points.map((at) => {
      const [cx, cy] = at.split(',');
      return `<circle cx="${cx}" cy="${cy}" r="3" fill="${color}"/>`;
    });
    return `<polyline class="line" stroke="${color}" stroke-dasharray="${dash}" points="${points.join(' ')}"/>${dots.join('')}`;
  });
  const legend = series.map(({ name, color, dash }, index) => {
    const row = LEGEND.y + index * LEGEND.step;
    return `<path class="line" stroke="${color}" stroke-dasharray="${dash}" d="M${LEGEND.x} ${row}h${LEGEND.swatch}"/>
<text x="${LEGEND.x + LEGEND.swatch + 8}" y="${row + 4}">${name}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">`,
    `<title>${title}</title><style>${STYLE}\n</style>`,
    `<rect class="background" width="${WIDTH}" height="${HEIGHT}" rx="6"/>`,
    `<text class="title" x="${PLOT.left}" y="26">${title}</text>`,
    ...rows,
    ...columns,
    `<text x="${(PLOT.left + PLOT.right) / 2}" y="${PLOT.bottom + 42}" text-anchor="middle">${axis}</text>`,
    `<text transform="translate(18 ${(PLOT.top + PLOT.bottom) / 2}) rotate(-90)" text-anchor="middle">${unit}</text>`,
    ...lines,
    ...legend,
    '</svg>\n',
  ].join('\n');
}

/** The nearest ticks around the values. */
function range(least, most) {
  const low = TICKS.findLast((tick) => tick <= least) ?? TICKS[0];
  const high = TICKS.find((tick) => tick >= most && tick > low) ?? most;
  return [low, high];
}
