// Draws the history of a device with uPlot, in place of what the page shows without scripts.
// A chart is <div class="chart" data-src="…" data-part="meters|supplies" data-keys="…">; its values are fetched as JSON.
"use strict";
(() => {
  const inks = {
    black: ["#333", "#c9ccd1"],
    cyan: ["#007f99", "#3fd0ee"],
    magenta: ["#b3177f", "#ff7ac8"],
    yellow: ["#8a6d00", "#ffd84a"],
  };
  const others = [["#0b57a4", "#8ab8ff"], ["#8a4b00", "#ffc266"], ["#2e7d32", "#8bd48f"], ["#6a3fb5", "#c4a7ff"]];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const language = document.documentElement.lang;
  const number = new Intl.NumberFormat(language);
  const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
  const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" });
  const month = new Intl.DateTimeFormat(language, { month: "short", year: "numeric", timeZone: "UTC" });

  const inkOf = ({ colorant }, index) => (inks[colorant] ?? others[index % others.length])[dark.matches ? 1 : 0];
  const style = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

  /** Vertical lines where a meter went down, or a supply was replaced. */
  function marksOf(series) {
    return (chart) => {
      const { ctx, bbox } = chart;
      ctx.save();
      ctx.setLineDash([4, 4]);
      ctx.lineWidth = devicePixelRatio;
      series.forEach((one, index) => {
        ctx.strokeStyle = inkOf(one, index);
        for (const at of one.marks) {
          const x = chart.valToPos(at / 1000, "x", true);
          if (x < bbox.left || x > bbox.left + bbox.width) continue;
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
        }
      });
      ctx.restore();
    };
  }

  function draw(place, series, said) {
    const isLevel = place.dataset.part === "supplies";
    const data = uPlot.join(
      series.map(({ points }) => [points.map(({ at }) => at / 1000), points.map(({ value }) => value)]),
    );
    const text = style("color") || (dark.matches ? "#e8eaed" : "#1a1d21"), line = dark.matches ? "#3b404a" : "#d3d7dd";
    const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    // One value is no line, and has a day around it (uPlot would show years).
    const isSingle = data[0].length === 1;
    const value = (_, raw) => raw == null ? "–" : number.format(raw) + (isLevel ? " %" : "");
    const chart = new uPlot(
      {
        width: place.clientWidth,
        height: 260,
        tzDate: (seconds) => new Date(seconds * 1000),
        cursor: { drag: { x: true, y: false } },
        scales: {
          x: { time: true, range: (_, min, max) => isSingle ? [data[0][0] - 43200, data[0][0] + 43200] : [min, max] },
          y: isLevel ? { range: [0, 100] } : {},
        },
        axes: [
          {
            ...axis,
            values: (_, splits, __, ___, step) => splits.map((at) => (step > 2e6 ? month : day).format(at * 1000)),
          },
          { ...axis, size: 80, values: (_, splits) => splits.map((each) => value(_, each)) },
        ],
        series: [
          { label: place.dataset.time, value: (_, raw) => raw == null ? "–" : `${time.format(raw * 1000)} UTC` },
          ...series.map((one, index) => ({
            label: one.label,
            stroke: inkOf(one, index),
            width: 2,
            spanGaps: true,
            // Between two samples the value is that of the first.
            paths: uPlot.paths.stepped({ align: 1 }),
            points: { show: isSingle },
            value,
          })),
        ],
        hooks: { draw: [marksOf(series)] },
      },
      data,
      place,
    );
    const all = { min: data[0][0], max: data[0].at(-1) };
    const tell = (index) => {
      const values = series.map((one, i) => {
        const raw = data[i + 1].slice(0, index + 1).findLast((each) => each != null);
        return `${one.label} ${value(undefined, raw)}`;
      });
      said.textContent = `${time.format(data[0][index] * 1000)} UTC: ${values.join(", ")}`;
    };
    const move = (by) => {
      const { min, max } = chart.scales.x, xs = data[0];
      const first = xs.findIndex((x) => x >= min), last = xs.findLastIndex((x) => x <= max);
      const at = Math.min(last, Math.max(first, (chart.cursor.idx ?? (by > 0 ? first - 1 : last + 1)) + by));
      chart.setCursor({ left: chart.valToPos(xs[at], "x"), top: 20 });
      tell(at);
    };
    const zoom = (factor) => {
      const { min, max } = chart.scales.x;
      const middle = chart.cursor.idx == null ? (min + max) / 2 : data[0][chart.cursor.idx];
      const half = Math.max(1800, (max - min) / 2 * factor);
      chart.setScale("x", { min: Math.max(all.min, middle - half), max: Math.min(all.max, middle + half) });
    };
    const keys = {
      ArrowLeft: () => move(-1),
      ArrowRight: () => move(1),
      "+": () => zoom(0.5),
      "-": () => zoom(2),
      "0": () => chart.setScale("x", all),
    };
    place.onkeydown = (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || keys[event.key] === undefined) return;
      event.preventDefault();
      keys[event.key]();
    };
    return chart;
  }

  async function start(place) {
    const answer = await fetch(place.dataset.src, { headers: { accept: "application/json" } });
    if (!answer.ok) return;
    const series = (await answer.json())[place.dataset.part];
    if (series.length === 0) return;
    const said = document.createElement("p");
    said.className = "hidden";
    said.setAttribute("role", "status");
    place.after(said);
    place.tabIndex = 0;
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", `${place.dataset.title}. ${place.dataset.keys}`);
    let chart;
    const again = () => {
      chart?.destroy();
      place.replaceChildren();
      chart = draw(place, series, said);
    };
    again();
    dark.addEventListener("change", again);
    new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: 260 })).observe(place);
  }

  for (const place of document.querySelectorAll(".chart")) start(place).catch((error) => console.error(error));
})();
